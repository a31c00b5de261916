#!/usr/bin/env bash
# Starts, reloads and stops the service under a systemd of its own, in namespaces of its own, on an
# overlay of this machine's root that is gone afterwards.
#
#   systemd.sh BINARY UNITS    the program, and the folder with the unit files

set -euo pipefail
binary=$(realpath "$1") units=$(realpath "$2")
here=$(mktemp -d "${TMPDIR:-/tmp}/systemd.XXXXXX")
pid=

clean_up() {
    [ -z "$pid" ] || { kill -KILL "$pid"; wait "$starter" || true; } 2>/dev/null
    umount -R "$here" 2>/dev/null || umount -Rl "$here"
    rmdir "$here"
}
trap clean_up EXIT

fail() {
    echo "$*" >&2
    cat "$here/console" >&2
    inside journalctl --no-pager -u roadstead >&2 || true
    exit 1
}

inside() { nsenter --target "$pid" --all --root --wd "$@"; }

# within SECONDS COMMAND...: waits until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "in vain: $*"
        sleep 0.1
    done
}

# refused WORDS COMMAND...: insists that it fails and that one of its lines has these words.
refused() {
    local words=$1 said
    shift
    said=$("$@" 2>&1) && fail "not refused: $*"
    case $said in *"$words"*) ;; *) fail "$said" ;; esac
}

is() { [ "$(inside systemctl show -P "$1" roadstead)" = "$2" ] || fail "$1 is not $2"; }

mount -t tmpfs tmpfs "$here"
mkdir "$here/above" "$here/work" "$here/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$here/above,workdir=$here/work" "$here/root"
install -m 755 "$binary" "$here/root/usr/local/bin/roadstead"
install -m 644 "$units/roadstead.service" "$here/root/etc/systemd/system/"
install -m 644 "$units/roadstead.sysusers" "$here/root/usr/lib/sysusers.d/roadstead.conf"
install -D -m 644 "$units/config.toml" "$here/root/etc/roadstead/config.toml"

# shellcheck disable=SC2016
unshare --fork --kill-child --pid --mount --ipc --uts --cgroup --net sh -euc '
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount -t tmpfs tmpfs "$1/run"
    mount -t devtmpfs devtmpfs "$1/dev"
    mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
    ip link set lo up
    exec chroot "$1" /usr/bin/env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=basic.target --log-target=console
' sh "$here/root" >"$here/console" 2>&1 </dev/null &
starter=$!
within 10 pgrep -P "$starter"
pid=$(pgrep -P "$starter")

within 30 inside systemctl is-active basic.target
inside systemd-sysusers
inside systemctl start roadstead || fail 'it does not start'
is ActiveState active
is Type notify
is User roadstead
main=$(inside systemctl show -P MainPID roadstead)
[ "$(inside stat -c %U "/proc/$main")" = roadstead ] || fail 'it does not run as its user'
[ "$(inside stat -c '%U %a' /var/lib/roadstead)" = 'roadstead 700' ] || fail 'its data is open'
inside curl --silent --fail --insecure https://localhost:8443/readyz >/dev/null || fail 'not ready'
inside roadstead user list >/dev/null || fail 'root does not reach it'

inside systemctl reload roadstead || fail 'it does not reload'
is ActiveState active
is MainPID "$main"

# A backup goes only where the unit lets it, which the README shows.
inside install -d -o roadstead -g roadstead -m 700 /srv/backup
refused 'ReadWritePaths=/srv/backup' inside roadstead store backup /srv/backup
inside mkdir -p /tmp/backup /root/backup
refused 'a service has a /tmp of its own' inside roadstead store backup /tmp/backup
mkdir "$here/root/etc/systemd/system/roadstead.service.d"
sed -n '/^\[Service\]/,/^```/p' "$units/README.md" | sed '/^```/d' \
    >"$here/root/etc/systemd/system/roadstead.service.d/override.conf"
inside systemctl daemon-reload
inside systemctl restart roadstead || fail 'it does not start with the drop-in'
inside roadstead store backup /srv/backup >/dev/null || fail 'it makes no backup'
[ "$(inside stat -c %U /srv/backup/format)" = roadstead ] || fail 'the backup is not its own'

inside systemctl stop roadstead
is ActiveState inactive
is Result success
is ExecMainStatus 0
