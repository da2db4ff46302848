; Adapters whose registers are I/O ports: where they are. Such a driver works in virtual-8086 mode too.
%include "driver.inc"

global io_find:function
extern config_read

CODE nic_io
;---------------------------------------------------------------------------
; io_find - the first BAR of I/O space that has an address
; in:       nic_bdf
; out:      CF = 0, nic_io; CF = 1, AX = status
; clobbers: EAX, EDX, DI, flags
;---------------------------------------------------------------------------
io_find:
        mov     di, PCI_BAR0
.bar:
        call    config_read
        test    al, PCI_BAR_IO
        jz      .next
        and     ax, ~3
        jz      .next                   ; the BIOS gave it no address
        mov     [nic_io], ax            ; CF = 0
        ret
.next:
        add     di, 4
        cmp     di, PCI_BAR5
        jbe     .bar
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
        ret
