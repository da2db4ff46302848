"""Ethernet, ARP, IPv4, ICMP, TCP.

Sources: IEEE 802.3/802.1Q, RFC 826, RFC 791, RFC 792, RFC 9293.  Network order on the wire.
"""

from __future__ import annotations

from construct import Bytes, Int8ub, Int16ub, Int32ub, Struct

eth = Struct("dest" / Bytes(6), "source" / Bytes(6), "type" / Int16ub)
vlan_tag = Struct("tci" / Int16ub, "type" / Int16ub)
arp = Struct(
    "hw_type" / Int16ub,
    "proto_type" / Int16ub,
    "hw_len" / Int8ub,
    "proto_len" / Int8ub,
    "op" / Int16ub,
    "sender_mac" / Bytes(6),
    "sender_ip" / Bytes(4),
    "target_mac" / Bytes(6),
    "target_ip" / Bytes(4),
)
ip = Struct(
    "version_ihl" / Int8ub,
    "tos" / Int8ub,
    "total_length" / Int16ub,
    "id" / Int16ub,
    "fragment" / Int16ub,
    "ttl" / Int8ub,
    "protocol" / Int8ub,
    "checksum" / Int16ub,
    "source" / Bytes(4),
    "dest" / Bytes(4),
)
icmp = Struct(
    "type" / Int8ub,
    "code" / Int8ub,
    "checksum" / Int16ub,
    "id" / Int16ub,
    "sequence" / Int16ub,  # ICMP 3/4: next-hop MTU
)
tcp = Struct(
    "src_port" / Int16ub,
    "dst_port" / Int16ub,
    "seq" / Int32ub,
    "ack" / Int32ub,
    "data_offset" / Int8ub,  # dwords in bits 7:4
    "flags" / Int8ub,
    "window" / Int16ub,
    "checksum" / Int16ub,
    "urgent" / Int16ub,
)

STRUCTS = {"eth": eth, "vlan_tag": vlan_tag, "arp": arp, "ip": ip, "icmp": icmp, "tcp": tcp}
CONSTANTS = {
    "ETHERTYPE_IP": 0x0800,
    "ETHERTYPE_ARP": 0x0806,
    "ETHERTYPE_RARP": 0x8035,
    "ETHERTYPE_VLAN": 0x8100,
    "ETH_MIN_FRAME": 60,
    "ETH_MAX_FRAME": 1514,
    "ARP_REQUEST": 1,
    "ARP_REPLY": 2,
    "IP_PROTO_ICMP": 1,
    "IP_PROTO_TCP": 6,
    "IP_DF": 0x4000,
    "IP_MF": 0x2000,
    "ICMP_ECHO_REPLY": 0,
    "ICMP_UNREACHABLE": 3,
    "ICMP_ECHO_REQUEST": 8,
    "TCP_FIN": 0x01,
    "TCP_SYN": 0x02,
    "TCP_RST": 0x04,
    "TCP_PSH": 0x08,
    "TCP_ACK": 0x10,
    "TCP_URG": 0x20,
    "TCPOPT_END": 0,
    "TCPOPT_NOP": 1,
    "TCPOPT_MSS": 2,
    "TCPOPT_SCALE": 3,
    "TCPOPT_SACK_PERMITTED": 4,
    "TCPOPT_SACK": 5,
    "ISCSI_PORT": 3260,
}

__all__ = ["CONSTANTS", "STRUCTS", *STRUCTS]
