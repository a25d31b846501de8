#!/bin/sh
# id and whoami on a machine that has one uid only: USER determines the user.
call=$1
shift
name=${USER:-root}
what=
asname=
for word in "$@"; do
    case $word in
        --user) what=u ;;
        --group) what=g ;;
        --groups) what=G ;;
        --name) asname=1 ;;
        -*)
            case $word in *u*) what=u ;; *G*) what=G ;; *g*) what=g ;; esac
            case $word in *n*) asname=1 ;; esac
            ;;
        *) name=$word ;;
    esac
done
if [ "$call" = whoami ]; then
    echo "$name"
    exit
fi
uid=
while IFS=: read -r login _ number group _; do
    if [ "$login" = "$name" ] || [ "$number" = "$name" ]; then
        name=$login
        uid=$number
        gid=$group
        break
    fi
done < /etc/passwd
if [ -z "$uid" ]; then
    echo "id: '$name': no such user" >&2
    exit 1
fi
case $what$asname in
    u) echo "$uid" ;;
    g | G) echo "$gid" ;;
    u1 | g1 | G1) echo "$name" ;;
    *) echo "uid=$uid($name) gid=$gid($name) groups=$gid($name)" ;;
esac
