#!/bin/sh
# Calls lvsctl with the role that keepalived reports; installed as /etc/keepalived/lvsctl-notify.
#
# keepalived writes lines like INSTANCE "web" MASTER 150 to a FIFO, and so in order: scripts of notify_master
# and the like run in parallel, and the last one to finish would decide.

while read -r _ _ state _; do
    case $state in
        # The latter: another director was active too, for a moment, and neighbours may have cached its address.
        MASTER | MASTER_RX_LOWER_PRI) role=active ;;
        *) role=standby ;;
    esac
    /usr/bin/lvsctl apply /etc/lvsctl/web.toml --role "$role"
done < "$1"
