# sysctls
sysctl -w net/ipv4/conf/all/arp_ignore=0
# services
ipvsadm -A -t 192.168.1.100:80 -s rr
# destinations
ipvsadm -a -t 192.168.1.100:80 -r 192.168.1.12:80 -g -w 1
ipvsadm -a -t 192.168.1.100:80 -r 192.168.1.13:80 -g -w 1
# floating addresses
ip address add 192.168.1.100/32 broadcast 192.168.1.100 dev dummy0
# arping -c 5 -U -I eth0 192.168.1.100
