#!/bin/sh
# Applies the role that keepalived reports; installed as /etc/keepalived/lvsctl-notify.
#
# keepalived writes its states to a FIFO, in lines such as: INSTANCE "web" MASTER 150. A FIFO keeps them in order;
# scripts of notify_master and the like run side by side, and the last one to finish would decide.

while read -r _ _ state _; do
    case $state in
        # MASTER_RX_LOWER_PRI: another director was active too for a moment, and neighbours may have learned its
        # addresses.
        MASTER | MASTER_RX_LOWER_PRI) role=active ;;
        *) role=standby ;;
    esac
    /usr/bin/lvsctl apply /etc/lvsctl/web.toml --role "$role"
done < "$1"
