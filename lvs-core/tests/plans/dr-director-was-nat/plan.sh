# routes
ip route add 192.168.1.12/32 via 192.168.1.12 dev eth0 onlink proto 76
ip route add 192.168.1.13/32 via 192.168.1.13 dev eth0 onlink proto 76
# changed destinations
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.12:80 -g -w 2
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.13:80 -g -w 3
