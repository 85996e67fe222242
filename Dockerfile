# The service, and the migrations that belong to it: `alembic upgrade head` runs in the same image.

FROM python:3.13-slim AS base
WORKDIR /app
# Where dependencies (a virtual environment) and the service are put, one layer each.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app/lib


FROM base AS dependencies
ARG UV_VERSION=0.13.9
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PYTHON_PREFERENCE=only-system
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install "uv==${UV_VERSION}"
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-group pipeline --no-install-project


FROM dependencies AS service
COPY README.md ./
COPY src/ src/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --no-deps --target /app/lib .


FROM base AS final
# A running service installs nothing. By path, because a distribution's own pip does not let itself be uninstalled.
RUN rm -rf /usr/bin/pip* /usr/local/bin/pip* \
    && python -c "import pathlib, shutil, sys; [shutil.rmtree(found) for folder in sys.path for found in pathlib.Path(folder).glob('pip*') if found.is_dir()]"
RUN groupadd --gid 10001 appuser \
    && useradd --uid 10001 --gid appuser --no-create-home --home-dir /app --shell /usr/sbin/nologin appuser
# Owned by root: the service cannot change itself.
COPY --from=dependencies /app/.venv /app/.venv
COPY alembic.ini ./
COPY --from=service /app/lib /app/lib
# Production is what an image is for: a missing DATABASE_URL or SECRET_KEY stops it at its start.
ENV ENVIRONMENT=production \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER appuser
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=2)"]
# After SIGTERM requests in flight have 8 s: less than the 10 s after which most platforms kill.
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "8", "--no-server-header"]

# Last, because they differ with every build.
ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.description="Items service: a FastAPI application over PostgreSQL and Redis" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="python:3.13-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
