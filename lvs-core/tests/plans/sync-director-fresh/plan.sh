# links and forwarding
ip link set dev eth0 up
ip link set dev eth1 up
ip link set dev lo up
sysctl -w net/ipv4/ip_forward=1
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth1
# timeouts
ipvsadm --set 600 120 300
# services
ipvsadm -A -t 172.16.5.11:80 -s rr
# sysctls of IPVS
sysctl -w net/ipv4/vs/conntrack=1
sysctl -w net/ipv4/vs/expire_nodest_conn=1
sysctl -w net/ipv4/vs/sync_threshold='3 10'
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
# virtual IPs
ip address add 172.16.5.11/16 broadcast 172.16.255.255 dev eth0
# last routes
ip route add default via 172.16.0.1 dev eth0 proto 76
# sync daemons
ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7 --sync-maxlen 1472 --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1
