#!/bin/sh
# A desktop notification for an item: newssub --exec docs/examples/notify.sh
#
# Uses only what newssub puts into the environment. Its values are clean text on one line, but a
# notification's body is markup, where < and & would mean something. "--" because a headline may
# begin with a dash.
set -eu

escape() { printf '%s\n' "$1" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }

case $NEWSWIRE_URGENCY in
1 | 2) level=critical ;;
3 | 4 | 5) level=normal ;;
*) level=low ;;
esac

headline=${NEWSWIRE_HEADLINE:-(no headline)}
if [ "$NEWSWIRE_STATUS" = canceled ]; then headline="Withdrawn: $headline"; fi

body=$(escape "$NEWSWIRE_SOURCE${NEWSWIRE_LOCATED:+, $NEWSWIRE_LOCATED}")
if [ -n "$NEWSWIRE_DESCRIPTION" ]; then body="$body
$(escape "$NEWSWIRE_DESCRIPTION")"; fi

exec notify-send --app-name=newssub --urgency="$level" -- "$headline" "$body"
