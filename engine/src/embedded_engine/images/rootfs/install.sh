# Adds packages and files to a Debian root. Runs in mount and pid namespaces of its own, in the store's directory.
# usage: install.sh INPUTS OVERLAY-OPTIONS LISTS update
#        install.sh INPUTS OVERLAY-OPTIONS LISTS install [PACKAGE...]
set -eu
inputs=$1 options=$2 lists=$3 task=$4
shift 4

# One file system for all that is not to stay, gone with the namespace.
work=$inputs/work
mkdir -p "$work"
mount -t tmpfs -o mode=0755 tmpfs "$work"
root=$work/root
mkdir "$root" "$work/cache" "$work/dev"
mount -t overlay -o "$options" overlay "$root"

mount -t proc proc "$root/proc"
mount --bind "$work/dev" "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
for file in etc/resolv.conf etc/hosts; do
    [ ! -f "/$file" ] || mount --bind "/$file" "$root/$file"
done
mount --bind "$work/cache" "$root/var/cache/apt"
mkdir -p "$root/var/cache/apt/archives/partial"
# Seen by apt only while this runs: the machine's own settings and certificates.
cp "$inputs/apt.conf" "$root/dev/apt.conf"
if [ -f "$inputs/certificates" ]; then
    cp "$inputs/certificates" "$root/dev/certificates"
    echo 'Acquire::https::CAInfo "/dev/certificates";' >>"$root/dev/apt.conf"
fi

apt() {
    chroot "$root" /usr/bin/env APT_CONFIG=/dev/apt.conf apt-get -qq -o APT::Install-Recommends=false \
        -o Dpkg::Use-Pty=0 "$@"
}

if [ "$task" = update ]; then
    mkdir "$work/lists"
    mount --bind "$work/lists" "$root/var/lib/apt/lists"
    apt -o APT::Update::Error-Mode=any update
    # All of the lists or none.
    cp -a "$work/lists" "$lists.new"
    mv -T "$lists.new" "$lists"
    exit 0
fi

[ ! -d "$lists" ] || mount --bind "$lists" "$root/var/lib/apt/lists"
if [ -s "$inputs/excludes" ]; then
    cat "$inputs/excludes" >>"$root/etc/dpkg/dpkg.cfg.d/excludes"
fi
if [ -s "$inputs/before" ]; then
    chroot "$root" sh -eu -c "$(cat "$inputs/before")"
fi
if [ $# -gt 0 ]; then
    # Nothing is to be started in a root that is only being made.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    apt install -y "$@"
    rm "$root/usr/sbin/policy-rc.d"
fi
if [ -s "$inputs/after" ]; then
    chroot "$root" sh -eu -c "$(cat "$inputs/after")"
fi
if [ -d "$inputs/files" ]; then
    (cd "$inputs/files" && find . -type f) | while read -r file; do
        install -D -m "$(stat -c %a "$inputs/files/$file")" "$inputs/files/$file" "$root/$file"
    done
fi
