VIP=198.51.100.10
ip addr add $VIP/24 dev eth1
ipvsadm -C
ipvsadm -A -t $VIP:443 -s sh -p 300
for RIP in 192.0.2.11 192.0.2.12; do
    ipvsadm -a -t $VIP:443 -r $RIP -g
done
