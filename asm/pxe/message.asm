; What the user sees of a network boot.
%include "romgen.inc"

global message_pxe_banner:data
global message_pxe_link:data
global message_pxe_address:data
global message_pxe_gateway:data
global message_pxe_file:data
global message_pxe_size:data
global message_pxe_no_size:data
global message_pxe_off:data

extern boot_bdf, pxe_dev, pxe_fn
extern net_gateway, net_ip, net_mac, net_mask
extern pxe_file, pxe_server, pxe_file_size

INITDATA pxe_message
MSG message_pxe_banner, ", adapter ", F_HEX8, boot_bdf + 1, ":", F_HEX8, pxe_dev, ".", F_DEC8, pxe_fn, CRLF
MSG message_pxe_link, "  MAC ", F_MAC, net_mac, ", link up", CRLF
MSG message_pxe_address, "  Address ", F_IP, net_ip, ", mask ", F_IP, net_mask, CRLF
MSG message_pxe_gateway, "  Gateway ", F_IP, net_gateway, CRLF
MSG message_pxe_file, "  File ", F_IP, pxe_server, ":", F_STR, pxe_file
MSG message_pxe_size, ", ", F_DEC32, pxe_file_size, " bytes", CRLF
MSG message_pxe_no_size, CRLF
MSG message_pxe_off, "  BootProtocol is not PXE: nothing to do", CRLF
