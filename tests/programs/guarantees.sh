#!/bin/sh
# Every file that docs/guarantees.md names exists, and every name behind it is in it.
set -u
cd "$1" || exit 1
missing=$(grep -oE '^## |`[^`]*`' docs/guarantees.md | tr -d '`' | {
    file=
    while read -r word; do
        case $word in
        '##') file= ;;
        */*)
            file=$word
            [ -e "$file" ] || echo "$file is not there"
            ;;
        *[!a-zA-Z0-9_]* | ???????) ;;
        *)
            [ -z "$file" ] || [ -d "$file" ] || grep -qw "$word" "$file" ||
                echo "$word is not in $file"
            ;;
        esac
    done
})
[ -z "$missing" ] && exit 0
echo "$missing"
exit 1
