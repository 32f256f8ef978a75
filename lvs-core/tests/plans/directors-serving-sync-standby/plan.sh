# sysctls
sysctl -w net/ipv4/conf/all/arp_announce=2
sysctl -w net/ipv4/conf/all/arp_ignore=1
sysctl -w net/ipv4/conf/lo/arp_announce=2
sysctl -w net/ipv4/conf/lo/arp_ignore=1
# addresses
ip address add 192.168.1.22/24 broadcast 192.168.1.255 dev eth0
# routes
ip route add default via 192.168.1.254 dev eth0 proto 76
# services
ipvsadm -A -t 172.16.5.11:80 -s rr
# sysctls of IPVS
sysctl -w net/ipv4/vs/backup_only=1
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.21:80 -g -w 1
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.22:80 -g -w 1
# floating addresses
ip address add 172.16.5.11/32 broadcast 172.16.5.11 dev lo label lo:0
# last routes
ip route add 172.16.5.11/32 dev lo scope link proto 76
# sync daemons
ipvsadm --start-daemon master --mcast-interface eth0 --syncid 1 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 1 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
