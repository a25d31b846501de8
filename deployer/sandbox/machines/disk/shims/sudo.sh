#!/bin/sh
# sudo on a machine that has one uid only: the name, the home and the environment change.
target=root
keep=
login=
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        -u | --user) target=$2; shift 2 ;;
        -u?*) target=${1#-u}; shift ;;
        --user=*) target=${1#--user=}; shift ;;
        -g | --group | -p | --prompt) shift 2 ;;
        -i | --login) login=1; shift ;;
        -E | --preserve-env) keep=1; shift ;;
        --preserve-env=*) keep=1; shift ;;
        -nE | -En) keep=1; shift ;;
        -v | --validate | -k | -l) exit 0 ;;
        -s | --shell) set -- "${SHELL:-/bin/sh}"; break ;;
        -n | -H | -S | -b | -A | --non-interactive | --set-home | --stdin) shift ;;
        -nH | -Hn | -nS) shift ;;
        -*) echo "sudo: the sandbox does not know option $1" >&2; exit 1 ;;
        *) break ;;
    esac
done
line=$(grep "^$target:" /etc/passwd) || { echo "sudo: unknown user $target" >&2; exit 1; }
home=$(printf '%s' "$line" | cut -d: -f6)
if [ -z "$keep" ]; then
    set -- "TERM=${TERM:-unknown}" "LANG=${LANG:-C.UTF-8}" "SUDO_USER=${USER:-root}" "$@"
    clean=-i
else
    clean=
fi
if [ -n "$login" ]; then
    cd "$home" || exit 1
fi
# The first word after the assignments is the command; `env` runs it with them.
command=
for word in "$@"; do
    case $word in
        [A-Za-z_]*=*) ;;
        *) command=1; break ;;
    esac
done
if [ -z "$command" ]; then
    [ -n "$login" ] || { echo "usage: sudo [-n] [-E] [-u user] command" >&2; exit 1; }
    set -- "$@" /bin/sh
fi
# shellcheck disable=SC2086 -- no word at all where there is nothing to clean
exec env $clean "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    "HOME=$home" "USER=$target" "LOGNAME=$target" "SHELL=/bin/sh" "$@"
