# services
ipvsadm -A -t 172.16.5.12:443 -s wlc -p 300 -M 255.255.255.0
# destinations
ipvsadm -a -t 172.16.5.12:443 -r 192.168.1.13:443 -m -w 3 -x 100 -y 80
# virtual IPs
ip address add 172.16.5.12/32 broadcast 172.16.5.12 dev eth0
