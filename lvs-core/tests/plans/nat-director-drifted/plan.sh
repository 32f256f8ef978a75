# sysctls
sysctl -w net/ipv4/conf/eth1/forwarding=1
# services
ipvsadm -E -t 172.16.5.11:80 -s rr
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
# changed destinations
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
# last routes
ip route replace default via 172.16.0.1 dev eth0 proto 76
# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.14:80
