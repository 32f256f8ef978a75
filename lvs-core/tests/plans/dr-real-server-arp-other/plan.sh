# sysctls
sysctl -w net/ipv4/conf/all/arp_ignore=1
sysctl -w net/ipv4/conf/lo/arp_ignore=1
