; Intel 82574L (QEMU: e1000e). It has an I/O window, so that it works in virtual-8086 mode, too.
%include "driver.inc"
%include "undi/chip/e1000.inc"
%if RX_FRAMES % 8
  %error rx_frames must be a multiple of 8 for the e1000e
%endif

TABLE nic, e1000e
istruc driver
        at driver.ids,          dw e1000e_ids
        at driver.speed,        dd 1000000000
        at driver.rx_count,     dw E1000_RX_COUNT
        DRIVER_ROUTINES e1000, e1000e_probe
iend

RODATA nic_e1000e
e1000e_ids:     dd NIC_IDS_E1000E, 0

CODE nic_e1000e
;---------------------------------------------------------------------------
; e1000e_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
e1000e_probe:
        mov     ax, EERD_LARGE
        jmp     e1000_find
