#!/bin/sh
# Sets up what a goal of the Makefile needs: system tools, then .venv with the pinned packages.
#
#   tools/bootstrap.sh rom|boot|test|os|coverage
#
# As root it installs missing system packages with apt-get, without recommended packages and
# without starting services. Otherwise it prints the one command that does, and exits 3.
# ROMGEN_NO_INSTALL=1 keeps it from installing as root, too. A second run costs a few milliseconds.
set -eu

goal=${1:-rom}
cd "$(dirname "$0")/.."

case $goal in
    rom) goals="rom" ;;
    boot) goals="rom boot" ;;
    test) goals="rom boot test" ;;
    os) goals="rom boot test os" ;;
    coverage) goals="rom boot test coverage" ;;
    *) echo "usage: tools/bootstrap.sh rom|boot|test|os|coverage" >&2; exit 2 ;;
esac

# One line for each tool: goal, what must be there (a command, or a file), Debian package.
tools='
rom nasm nasm
rom ld binutils
boot qemu-system-i386 qemu-system-x86
boot tgtd tgt
boot tgtadm tgt
test grub-mkimage grub-common
test /usr/lib/grub/i386-pc/boot.img grub-pc-bin
test syslinux syslinux
test /usr/lib/syslinux/mbr/mbr.bin syslinux-common
test iscsi-test-cu libiscsi-bin
test mcopy mtools
test /usr/lib/ipxe/qemu/pxe-e1000.rom ipxe-qemu
test /usr/lib/ipxe/undionly.kpxe ipxe
test /usr/lib/PXELINUX/pxelinux.0 pxelinux
test /usr/share/seabios/vgabios-stdvga.bin seabios
test bochs bochs
test /usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so bochs-term
test /usr/share/bochs/BIOS-bochs-latest bochsbios
test swtpm swtpm
test git git
test ssh-keygen openssh-client
test ip iproute2
test mke2fs e2fsprogs
test gdb gdb
test zsh zsh
test fish fish
test debugfs e2fsprogs
coverage gcc gcc
coverage /usr/include/stdio.h libc6-dev
os debootstrap debootstrap
os xz xz-utils
'

requirements=tools/requirements
stamp=.venv/.romgen-$goal

say() { echo "bootstrap: $*" >&2; }
fail() { say "$*"; exit 3; }

has() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;;
    esac
}

# The Debian packages that the goal still lacks.
missing_packages() {
    echo "$tools" | while read -r of what package; do
        case " $goals " in *" $of "*) has "$what" || echo "$package" ;; esac
    done | sort -u
}

# The newest usable Python: at least 3.11, with venv and ensurepip (Debian splits them off).
find_python() {
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
}

# The package that brings a Python with venv: python3-venv, unless the system's python3 is older
# than 3.11 (Ubuntu 22.04) and has a newer one beside it.
python_package() {
    version=$(apt-cache policy python3 2>/dev/null | sed -n 's/ *Candidate: 3\.\([0-9]*\).*/\1/p')
    if [ -n "$version" ] && [ "$version" -lt 11 ]; then
        echo python3.11-venv
    else
        echo python3-venv
    fi
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 \
        install --no-install-recommends "$@"
}

install_packages() {
    command="apt-get install -y --no-install-recommends $*"
    if ! has apt-get; then
        fail "missing: $*; install these (Debian's names) with the system's package manager"
    fi
    if [ "$(id -u)" != 0 ]; then
        fail "missing: $*. Run: sudo $command"
    fi
    if [ -n "${ROMGEN_NO_INSTALL:-}" ]; then
        fail "missing: $*. Run: $command"
    fi
    say "installing $*"
    # The tests start daemons of their own: none of the packages' services is to run (Debian
    # policy 9.3.3.2: invoke-rc.d asks policy-rc.d).
    policy=/usr/sbin/policy-rc.d
    ours=
    if [ ! -e $policy ] && [ -d /usr/sbin ]; then
        ours=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    log=build/bootstrap.log
    if ! apt_install "$@" >$log 2>&1; then
        # The lists may be absent or too old for the mirror.
        DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 update >$log 2>&1 || {
            cat $log >&2
            fail "apt-get update failed"
        }
        # A package's name may have been unknown before the update.
        apt_install "$@" >$log 2>&1 || {
            cat $log >&2
            fail "failed: $command"
        }
    fi
    if [ -n "$ours" ]; then
        rm -f $policy
        trap - EXIT INT TERM
    fi
}

wanted=$(cat $requirements/*.txt | cksum)
packages=$(missing_packages)
if [ -z "$packages" ] && [ -x .venv/bin/python ] && [ -x .venv/bin/romgen ] && [ -f "$stamp" ] &&
    [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

mkdir -p build
# Two goals may be made at once: one sets up, the other waits.
exec 9>build/.bootstrap.lock
if has flock; then
    flock -w 900 9 || fail "another bootstrap.sh does not end"
fi

packages=$(missing_packages)
python=$(find_python)
if [ -z "$python" ] && ! { [ -x .venv/bin/python ] && [ -f .venv/.romgen-rom ]; }; then
    packages="$packages $(python_package)"
fi
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of names
    install_packages $packages
    packages=$(missing_packages)
    [ -z "$packages" ] || fail "still missing after installing: $packages"
    python=$(find_python)
fi

if [ ! -x .venv/bin/python ]; then
    [ -n "$python" ] || fail "no Python 3.11 or newer with venv"
    say "creating .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv || { rm -rf .venv; fail "$python -m venv failed"; }
fi
say "installing the Python packages for '$goal'"
.venv/bin/python -m pip install --disable-pip-version-check --quiet --use-pep517 \
    -r "$requirements/$goal.txt" || fail "pip failed: the packages of $requirements/$goal.txt"
# The command, from wherever it is called.
cat >.venv/bin/romgen <<'EOF'
#!/bin/sh
bin=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$bin/../..${PYTHONPATH:+:$PYTHONPATH}" exec "$bin/python" -m romgen "$@"
EOF
chmod 755 .venv/bin/romgen
for done_goal in $goals; do
    echo "$wanted" >".venv/.romgen-$done_goal"
done
