; Intel 82540EM, 82544GC, 82545EM (QEMU: e1000).
%include "driver.inc"
%include "undi/chip/e1000.inc"
%if RX_FRAMES % 8
  %error rx_frames must be a multiple of 8 for the e1000
%endif

TABLE nic, e1000
istruc driver
        at driver.ids,          dw e1000_ids
        at driver.speed,        dd 1000000000
        at driver.rx_count,     dw E1000_RX_COUNT
        DRIVER_ROUTINES e1000
iend

RODATA nic_e1000
e1000_ids:      dd NIC_IDS_E1000, 0

CODE nic_e1000
;---------------------------------------------------------------------------
; e1000_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
e1000_probe:
        mov     ax, EERD_SMALL
        jmp     e1000_find
