# displaced virtual IPs
ip address delete 192.168.1.100/24 dev eth0
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth0
# services
ipvsadm -A -t 192.168.1.100:80 -s rr
# destinations
ipvsadm -a -t 192.168.1.100:80 -r 192.168.1.12:80 -g -w 1
ipvsadm -a -t 192.168.1.100:80 -r 192.168.1.13:80 -g -w 1
# virtual IPs
ip address add 192.168.1.100/24 broadcast 192.168.1.255 dev eth0
