"""Cursors of pages, opaque to the client and signed, so that only places that were handed out are asked for."""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from app.api.problems import Kind, ProblemError
from app.core.items import Cursor

_INVALID: Final = Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-cursor", "The cursor is not valid")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = struct.Struct(">q16s")
_SIGNATURE_BYTES: Final = 16


class CursorCodec:
    """Writes and reads cursors with one secret; another secret makes the cursors handed out so far invalid."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def encode(self, cursor: Cursor) -> str:
        """Write a cursor as text for a URL."""
        microseconds = (cursor.created_at - _EPOCH) // timedelta(microseconds=1)
        place = _PLACE.pack(microseconds, cursor.item_id.bytes)
        return base64.urlsafe_b64encode(place + self._sign(place)).decode()

    def decode(self, text: str) -> Cursor:
        """Read a cursor; raises ProblemError unless this codec's secret has written it."""
        try:
            raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raw = b""
        place, signature = raw[: _PLACE.size], raw[_PLACE.size :]
        if not hmac.compare_digest(signature, self._sign(place)):
            raise ProblemError(_INVALID, "Use the cursor as the page before gave it, or start without one.")
        microseconds, item_id = _PLACE.unpack(place)
        return Cursor(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=item_id))

    def _sign(self, place: bytes) -> bytes:
        return hmac.digest(self._secret, place, hashlib.sha256)[:_SIGNATURE_BYTES]
