; What the API and the drivers share.
%define UNDI_DATA
%include "driver.inc"

global nic_driver:data, nic_bdf:data, nic_io:data, nic_mmio:data, nic_mmio2:data
global nic_irq:data, nic_linear:data
global nic_mac:data, nic_permanent_mac:data, nic_filter:data, nic_mcast_count:data, nic_mcast:data
%if RX_LESS
global nic_rx_less:data
%endif
global rx_buffers:data, rx_buffers_end:data, tx_buffers:data, nic_rx_count:data
global stat_tx_good:data, stat_rx_good:data, stat_rx_crc:data, stat_rx_resource:data
global undi_state:data

BSS undi_nic
nic_linear:        resd 1       ; physical address of DS:0
nic_mmio:          resd 1       ; physical address of the registers, 0 = none used
nic_mmio2:         resd 1       ; of a second window, 0 = none
nic_driver:        resw 1       ; offset in CS of the struc driver that runs
nic_bdf:           resw 1
nic_io:            resw 1       ; I/O base, 0 = none used
nic_filter:        resw 1       ; FLTR_ bits
%if RX_LESS
nic_rx_less:       resw 1       ; receive buffers at the end that are not there: our own client, behind the loader
%endif
nic_rx_count:      resw 1       ; frames that the adapter surely holds between two calls
nic_mcast_count:   resw 1
nic_mcast:         resb MCAST_MAX * MAC_SIZE
nic_mac:           resb MAC_SIZE ; station address in use
nic_permanent_mac: resb MAC_SIZE
nic_irq:           resb 1       ; 0 = none
undi_state:        resb 1       ; UNDI_UNLOADED...

BSS undi_statistics
stat_tx_good:      resd 1
stat_rx_good:      resd 1
stat_rx_crc:       resd 1
stat_rx_resource:  resd 1

; Last in the segment (undi.ld.j2): who says in nic_rx_less that there is no room for so many receive
; buffers gives less than the UNDI ROM ID asks for.
; One buffer more than the ring has: some chips must not be given one that crosses a 64 KiB line,
; and the driver then skips to behind it.
section .frames nobits alloc noexec write align=16
tx_buffers:        resb TX_BUFFERS * FRAME_BUFFER
rx_buffers:        resb (RX_FRAMES + 1) * FRAME_BUFFER
rx_buffers_end:
