; Realtek RTL8139. Frames come into one ring of bytes, in which they wrap at its end: so the chip never
; writes behind it, however long a frame is. Each is copied out and its place given back at once.
%include "driver.inc"
%include "undi/chip/io.inc"
%include "undi/nic/rtl8139.inc"

extern timer_start, timer_expired, filter_passes, station_keep

RESET_MS        equ 20
TX_MS           equ 20
; the longest ring that leaves room for one frame
%if (RX_FRAMES + 1) * FRAME_BUFFER >= 0x8000 + CAPR_BIAS + FRAME_BUFFER
RING_LENGTH     equ 2
%elif (RX_FRAMES + 1) * FRAME_BUFFER >= 0x4000 + CAPR_BIAS + FRAME_BUFFER
RING_LENGTH     equ 1
%elif (RX_FRAMES + 1) * FRAME_BUFFER >= 0x2000 + CAPR_BIAS + FRAME_BUFFER
RING_LENGTH     equ 0
%else
  %error rx_frames must be 6 or more for the rtl8139
%endif
RX_RING         equ 0x2000 << RING_LENGTH
RX_LONGEST      equ ETH_MAX_FRAME + vlan_tag_size + RTL_FCS
RX_RECORD       equ (rtl8139_rx_size + RX_LONGEST + 3) & ~3
rx_frame        equ rx_buffers + RX_RING + CAPR_BIAS ; where a frame is copied to
RX_STORM        equ RX_RING / 64 ; frames for others in one call: not more than a ring holds
RTL_INTERRUPTS  equ INT_ROK | INT_RER | INT_TOK | INT_TER | INT_RXOVW | INT_FOVW

TABLE nic, rtl8139
istruc driver
        at driver.ids,          dw rtl8139_ids
        at driver.speed,        dd 100000000
        at driver.rx_count,     dw (RX_RING - CAPR_BIAS) / RX_RECORD
        DRIVER_ROUTINES rtl8139
iend

RODATA nic_rtl8139
rtl8139_ids:    dd NIC_IDS_RTL8139, 0

BSS nic_rtl8139
rcr:            resd 1          ; as written: in QEMU writing it again forgets the ring
rx_offset:      resw 1          ; of the next frame in the ring
tx_slot:        resw 1          ; 4 * the transmit descriptor that is next

CODE nic_rtl8139
;---------------------------------------------------------------------------
; rtl8139_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
rtl8139_probe:
        call    io_find
        jc      .done
        mov     al, CR9346_WRITE        ; the first chips sleep until CONFIG1 = 0
        call    rtl8139_config
        IO_PORT RTL_CONFIG1
        mov     al, 0
        out     dx, al
        call    rtl8139_config
        call    rtl8139_reset
        jc      .done
        IO_PORT RTL_IDR4
        in      eax, dx
        push    ax
        sub     dx, RTL_IDR4 - RTL_IDR0
        in      eax, dx
        pop     dx
        call    station_keep
        jnc     .done
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
.done:
        ret

;---------------------------------------------------------------------------
; rtl8139_config - may the configuration be written?
; in:       AL = CR9346_WRITE or 0
; out:      nothing
; clobbers: DX, flags
;---------------------------------------------------------------------------
rtl8139_config:
        IO_PORT RTL_9346CR
        out     dx, al
        ret

;---------------------------------------------------------------------------
; rtl8139_show_address - what the adapter receives as its own
; in:       SI = MAC
; out:      CF = 0
; clobbers: EAX, DX, SI, flags
;---------------------------------------------------------------------------
rtl8139_show_address:
        mov     al, CR9346_WRITE
        call    rtl8139_config
        IO_PORT RTL_IDR0
        lodsd
        out     dx, eax
        xor     eax, eax
        lodsw
        add     dx, RTL_IDR4 - RTL_IDR0
        out     dx, eax
        mov     al, 0
        call    rtl8139_config
        clc
        ret

;---------------------------------------------------------------------------
; rtl8139_reset - everything stopped (driver.inc)
; in:       nic_io
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
; QEMU's adapter keeps RCR and the addresses of memory over a reset.
rtl8139_reset:
        IO_PORT RTL_CR
        mov     al, 0
        out     dx, al
        call    rtl8139_irq_disable
        IO_PORT RTL_CR
        mov     al, CR_RST
        out     dx, al
        mov     cx, RESET_MS
        push    dx
        call    timer_start
        pop     dx
.wait:
        in      al, dx
        test    al, CR_RST
        jz      .stopped
        call    timer_expired
        jnc     .wait
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        ret
.stopped:
        xor     eax, eax
        mov     [rcr], eax
        IO_PORT RTL_RCR
        out     dx, eax
        IO_PORT RTL_RBSTART
        mov     cx, (RTL_RBSTART - RTL_TSAD0) / 4 + 1
.address:                               ; RBSTART and, below it, TSAD3 to TSAD0
        out     dx, eax
        sub     dx, 4
        loop    .address
        IO_PORT RTL_ISR
        dec     ax
        out     dx, ax
        clc
        ret

;---------------------------------------------------------------------------
; rtl8139_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
rtl8139_open:
        call    rtl8139_reset
        jc      rtl8139_filter.done
        mov     [tx_slot], cx           ; CX = 0 at the end of its loop
        mov     si, nic_mac
        call    rtl8139_show_address
        or      eax, -1
        IO_PORT RTL_MAR0                ; every group: filter_passes knows which
        out     dx, eax
        add     dx, 4
        out     dx, eax
        ; fallthrough: RCR is 0 now, so that the receiver starts

;---------------------------------------------------------------------------
; rtl8139_filter - what is received (driver.inc)
; in:       nic_filter, nic_mcast_count
; out:      CF = 0
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
rtl8139_filter:
        mov     eax, RCR_FIFO | RING_LENGTH << RCR_LENGTH | RCR_BURST | RCR_APM
        cmp     word [nic_mcast_count], 0
        je      .no_group
        or      al, RCR_AM
.no_group:
        test    byte [nic_filter], FLTR_BROADCAST
        jz      .directed
        or      al, RCR_AB
.directed:
        test    byte [nic_filter], FLTR_PROMISCUOUS
        jz      .compare
        or      al, RCR_AAP | RCR_AM | RCR_AB
.compare:
        cmp     eax, [rcr]
        je      .done                   ; CF = 0
        mov     [rcr], eax
        ; fallthrough: RCR = [rcr]

;---------------------------------------------------------------------------
; rtl8139_restart - the receiver begins with an empty ring
; in:       rcr
; out:      CF = 0
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
rtl8139_restart:
        mov     word [rx_offset], 0
        IO_PORT RTL_CR
        mov     al, CR_TE
        out     dx, al
        mov     eax, [nic_linear]
        add     eax, rx_buffers
        IO_PORT RTL_RBSTART
        out     dx, eax
        IO_PORT RTL_CR
        mov     al, CR_TE | CR_RE       ; before TCR and RCR, which are locked else
        out     dx, al
        IO_PORT RTL_TCR
        mov     eax, TCR_IFG | TCR_BURST
        out     dx, eax
        IO_PORT RTL_RCR
        mov     eax, [rcr]
        out     dx, eax
        xor     ax, ax
        call    rtl8139_read_until
        clc
rtl8139_filter.done:
        ret

;---------------------------------------------------------------------------
; rtl8139_read_until - the ring is free up to here
; in:       AX = offset in the ring
; out:      nothing
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
rtl8139_read_until:
        sub     ax, CAPR_BIAS
        IO_PORT RTL_CAPR
        out     dx, ax
        IO_PORT RTL_ISR
        mov     ax, INT_ROK | INT_RER | INT_RXOVW | INT_FOVW ; an overflow holds until it is told so
        out     dx, ax
        ret

;---------------------------------------------------------------------------
; rtl8139_close - stop (driver.inc)
; in:       nic_permanent_mac
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
rtl8139_close:
        call    rtl8139_tx_wait         ; the last frame; what is stuck is given up
        call    rtl8139_reset
        jc      .done
        mov     si, nic_permanent_mac
        jmp     rtl8139_show_address
.done:
        ret

;---------------------------------------------------------------------------
; rtl8139_link - is there a link? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 1: no link
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
rtl8139_link:
        IO_PORT RTL_MSR
        in      al, dx
        not     al
        test    al, MSR_LINKB
        ret

;---------------------------------------------------------------------------
; rtl8139_tx_wait - wait until the frame that was queued last has been fetched
; in:       tx_slot
; out:      CF = 0; CF = 1: it does not go out
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
rtl8139_tx_wait:
        mov     cx, TX_MS
        call    timer_start
        mov     ax, [tx_slot]
        sub     ax, 4
        and     ax, 3 * 4
        IO_PORT RTL_TSD0
        add     dx, ax
.wait:
        in      eax, dx
        test    ah, TSD_OWN >> 8
        jnz     .done                   ; CF = 0
        call    timer_expired
        jnc     .wait
.done:
        ret

;---------------------------------------------------------------------------
; rtl8139_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, CX, EDX, ESI, flags
;---------------------------------------------------------------------------
rtl8139_transmit:
        push    cx
        call    rtl8139_tx_wait
        pop     cx
        mov     ax, UNDI_TRANSMIT_ERROR
        jc      .done
        IO_PORT RTL_TSAD0
        add     dx, [tx_slot]
        movzx   eax, si
        add     eax, [nic_linear]
        out     dx, eax
        sub     dx, RTL_TSAD0 - RTL_TSD0
        mov     eax, TSD_THRESHOLD
        mov     ax, cx
        out     dx, eax                 ; OWN = 0: it goes
        mov     ax, [tx_slot]
        add     ax, 4
        and     ax, 3 * 4
        mov     [tx_slot], ax
        clc
.done:
        ret

;---------------------------------------------------------------------------
; rtl8139_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
rtl8139_receive:
        mov     bx, RX_STORM            ; a storm of frames for others must not hold us
.next:
        dec     bx
        js      .none
        IO_PORT RTL_CR
        in      al, dx
        test    al, CR_BUFE
        jnz     .none
        mov     si, [rx_offset]
        test    byte [si + rx_buffers + rtl8139_rx.status], RX_ROK
        jz      .lost
        mov     cx, [si + rx_buffers + rtl8139_rx.length]
        cmp     cx, RX_RING - rtl8139_rx_size
        ja      .lost
        cmp     cx, eth_size + RTL_FCS
        jb      .lost
        mov     ax, cx                  ; each begins on a dword
        add     ax, rtl8139_rx_size + 3
        and     al, ~3
        add     ax, si
        and     ax, RX_RING - 1
        mov     [rx_offset], ax
        push    ax
        push    cx
        cmp     cx, RX_LONGEST
        ja      .free
        add     si, rtl8139_rx_size
        and     si, RX_RING - 1
        shr     cx, 2                   ; without the FCS, rounded up: what does not fill a dword of
        mov     ax, RX_RING             ; the FCS is copied too
        sub     ax, si
        shr     ax, 2                   ; dwords up to the end of the ring
        push    ds
        pop     es
        mov     di, rx_frame
        sub     cx, ax
        jbe     .whole
        xchg    ax, cx
        add     si, rx_buffers
        rep movsd
        xchg    ax, cx
        mov     si, rx_buffers
        jmp     .rest
.whole:
        add     cx, ax
        add     si, rx_buffers
.rest:
        rep movsd
.free:
        pop     cx
        pop     ax
        call    rtl8139_read_until
        cmp     cx, RX_LONGEST
        ja      .next
        sub     cx, RTL_FCS
        mov     si, rx_frame
        call    filter_passes
        jc      .next
        ret
.lost:                                  ; what stands there is no frame
        call    rtl8139_restart
.none:
        stc
        ret

;---------------------------------------------------------------------------
; rtl8139_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
rtl8139_irq_enable:
        mov     ax, RTL_INTERRUPTS
        jmp     rtl8139_irq_mask

;---------------------------------------------------------------------------
; rtl8139_irq_disable - no interrupts (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
rtl8139_irq_disable:
        xor     ax, ax
rtl8139_irq_mask:                       ; fallthrough: AX = mask
        IO_PORT RTL_IMR                 ; CF = 0: no sum of ports is above 64 KiB
        out     dx, ax
        ret

;---------------------------------------------------------------------------
; rtl8139_irq_check - is the interrupt ours? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 0: yes, acknowledged
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
rtl8139_irq_check:
        IO_PORT RTL_ISR
        in      ax, dx
        out     dx, ax
        test    ax, RTL_INTERRUPTS      ; CF = 0
        ret

;---------------------------------------------------------------------------
; rtl8139_statistics - what the adapter counted (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
rtl8139_statistics:
        IO_PORT RTL_MPC
        in      eax, dx
        and     eax, 0xFFFFFF           ; the counter's width
        add     [stat_rx_resource], eax
        out     dx, eax
        clc
        ret
