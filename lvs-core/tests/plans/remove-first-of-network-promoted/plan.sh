# former virtual IPs
ip address delete 192.168.1.10/24 dev eth0
# deleted services
ipvsadm -D -t 192.168.1.10:80
