# sysctls
sysctl -w net/ipv4/conf/eth1/forwarding=1
# timeouts
ipvsadm --set 600 120 300
# services
ipvsadm -E -t 172.16.5.11:80 -s rr
# sysctls of IPVS
sysctl -w net/ipv4/vs/conntrack=1
sysctl -w net/ipv4/vs/expire_nodest_conn=1
sysctl -w net/ipv4/vs/sync_threshold='3 10'
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
# changed destinations
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
# last routes
ip route replace default via 172.16.0.1 dev eth0 proto 76
# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.14:80
# sync daemons
ipvsadm --stop-daemon master
ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
ipvsadm --stop-daemon backup
ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
