#!/bin/sh
# Has lvsctl do what keepalived says, as /etc/keepalived/lvsctl-notify.
#
# keepalived tells through a FIFO, in lines like INSTANCE "web" MASTER 150, and so in order: scripts of
# notify_master and the like run side by side, and whichever is last decides.

while read -r _ _ state _; do
    case $state in
        # The latter: another one was active too, for a moment, and neighbours may have believed it.
        MASTER | MASTER_RX_LOWER_PRI) role=active ;;
        *) role=standby ;;
    esac
    /usr/bin/lvsctl apply /etc/lvsctl/web.toml --role "$role"
done < "$1"
