; NE2000 for PCI: Realtek RTL8029. No bus master: frames go through a port into and out of its own
; memory, two words at once, which PCI adapters of this kind allow. It cannot say whether there is a link.
;
; QEMU's adapter compares a frame's address with the one burnt in, whatever PAR says: where the station
; address is another, it lets everything in and filter_passes chooses.
%include "driver.inc"
%include "undi/chip/io.inc"
%include "undi/nic/ne2k.inc"

extern timer_start, timer_expired, filter_passes, station_keep

RESET_MS        equ 10
TX_MS           equ 20
DATA_MS         equ 10
TX_PAGE         equ NE_RAM
RX_PAGE         equ NE_RAM + 6  ; a whole frame
RX_END          equ NE_RAM_END
RX_LONGEST      equ ETH_MAX_FRAME + vlan_tag_size + 4 ; a frame and, in its ring, 4 bytes
RX_PAGES        equ (RX_LONGEST + 255) / 256
RX_STORM        equ RX_END - RX_PAGE ; frames for others in one call: not more than the ring holds
NE_INTERRUPTS   equ ISR_PRX | ISR_PTX | ISR_RXE | ISR_TXE | ISR_OVW

TABLE nic, ne2k
istruc driver
        at driver.ids,          dw ne2k_ids
        at driver.speed,        dd 10000000
        at driver.rx_count,     dw (RX_END - RX_PAGE - 1) / RX_PAGES
        DRIVER_ROUTINES ne2k
iend

RODATA nic_ne2k
ne2k_ids:       dd NIC_IDS_NE2K, 0

; register and value, in this order
ne2k_stopped:
        db      NE_CR, CR_STOP | CR_IDLE
        db      NE_IMR, 0
        db      NE_DCR, DCR_WORDS
        db      NE_RBCR0, 0
        db      NE_RBCR1, 0
        db      NE_RCR, RCR_MONITOR
        db      NE_TCR, TCR_LOOP
        db      NE_PSTART, RX_PAGE
        db      NE_PSTOP, RX_END
        db      NE_BNRY, RX_END - 1
        db      NE_TPSR, TX_PAGE
        db      NE_ISR, 0xFF
ne2k_stopped_end:
ne2k_started:
        db      NE_CURR, RX_PAGE
        db      NE_CR, CR_START | CR_IDLE
        db      NE_TCR, 0
ne2k_started_end:

BSS nic_ne2k
rx_head:        resb ne2k_rx_size
rx_page:        resb 1          ; of the next frame
rx_until:       resb 1          ; CURR, as it was read last

CODE nic_ne2k
;---------------------------------------------------------------------------
; ne2k_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
ne2k_probe:
        call    io_find
        jc      .done
        call    ne2k_reset
        jc      .done
        push    ds
        pop     es
        IO_PORT NE_CR
        mov     al, CR_START | CR_IDLE
        out     dx, al
        xor     ax, ax
        mov     cx, NE_PROM_SIZE
        mov     di, rx_buffers
        call    ne2k_read
        jc      .fail
        mov     si, rx_buffers
        mov     di, si
        mov     cx, MAC_SIZE
.byte:
        lodsw
        stosb
        loop    .byte
        mov     eax, [rx_buffers]
        mov     dx, [rx_buffers + 4]
        call    station_keep
        jc      .fail
        jmp     ne2k_reset
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
.done:
        ret

;---------------------------------------------------------------------------
; ne2k_put - write registers
; in:       CS:SI = bytes: register, value; CX = bytes
; out:      nothing
; clobbers: AX, CX, DX, SI, flags
;---------------------------------------------------------------------------
ne2k_put:
        shr     cx, 1
.next:
        cs lodsw
        IO_PORT 0
        add     dl, al
        mov     al, ah
        out     dx, al
        loop    .next
        ret

;---------------------------------------------------------------------------
; ne2k_reset - everything stopped (driver.inc)
; in:       nic_io
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
ne2k_reset:
        IO_PORT NE_RESET
        in      al, dx
        out     dx, al
        mov     cx, RESET_MS
        mov     al, ISR_RST
        call    ne2k_wait
        jc      .fail
        mov     si, ne2k_stopped
        mov     cx, ne2k_stopped_end - ne2k_stopped
        call    ne2k_put
        clc
        ret
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        ret

;---------------------------------------------------------------------------
; ne2k_wait - wait for a bit of ISR
; in:       CX = milliseconds, AL = bit
; out:      CF = 0; CF = 1: it does not come
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
ne2k_wait:
        push    bx
        xchg    bx, ax
        IO_PORT NE_ISR
        in      al, dx                  ; mostly it is there at once
        test    al, bl
        jnz     .done
        push    dx
        call    timer_start
        pop     dx
.again:
        in      al, dx
        test    al, bl                  ; CF = 0
        jnz     .done
        call    timer_expired
        jnc     .again
.done:
        pop     bx
        ret

;---------------------------------------------------------------------------
; ne2k_read - bytes of the adapter's memory; in the ring, from its end on to its beginning
; in:       AX = address there, CX = bytes, a multiple of 4; ES:DI = where they go
; out:      CF = 0, DI = behind them; CF = 1: they do not come
; clobbers: EAX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
ne2k_read:
        mov     dl, CR_START | CR_READ
        call    ne2k_data
        rep insd
ne2k_data_done:                         ; fallthrough: until the adapter has done its part
        mov     cx, DATA_MS
        mov     al, ISR_RDC
        call    ne2k_wait
        ret

;---------------------------------------------------------------------------
; ne2k_data - point the data port
; in:       AX = address, CX = bytes, a multiple of 4; DL = command
; out:      CX = dwords, DX = data port
; clobbers: AX, CX, DX, flags
;---------------------------------------------------------------------------
ne2k_data:
        push    dx
        push    ax
        IO_PORT NE_ISR
        mov     al, ISR_RDC
        out     dx, al
        pop     ax
        add     dx, NE_RSAR0 - NE_ISR
        out     dx, al
        inc     dx
        mov     al, ah
        out     dx, al
        inc     dx
        mov     al, cl
        out     dx, al
        inc     dx
        mov     al, ch
        out     dx, al
%if NE_RSAR1 != NE_RSAR0 + 1 || NE_RBCR0 != NE_RSAR0 + 2 || NE_RBCR1 != NE_RSAR0 + 3
  %error ne2k_data counts on their order
%endif
        sub     dx, NE_RBCR1 - NE_CR
        pop     ax
        out     dx, al
        add     dx, NE_DATA - NE_CR
        shr     cx, 2
        ret

;---------------------------------------------------------------------------
; ne2k_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
ne2k_open:
        call    ne2k_reset
        jc      .done
        mov     byte [rx_page], RX_PAGE
        mov     byte [rx_until], RX_PAGE
        IO_PORT NE_CR
        mov     al, CR_STOP | CR_IDLE | CR_PAGE1
        out     dx, al
        mov     si, nic_mac
        mov     cx, MAC_SIZE
.address:
        inc     dx
        lodsb
        out     dx, al
        loop    .address
%if NE_PAR0 != NE_CR + 1
  %error ne2k_open counts from CR
%endif
        add     dx, NE_MAR0 - NE_PAR0 - MAC_SIZE + 1
        mov     cl, 8
        or      al, -1                  ; every group: filter_passes knows which
.group:
        out     dx, al
        inc     dx
        loop    .group
        mov     si, ne2k_started
        mov     cl, ne2k_started_end - ne2k_started
        call    ne2k_put
        ; fallthrough: receive

;---------------------------------------------------------------------------
; ne2k_filter - what is received (driver.inc)
; in:       nic_mac, nic_permanent_mac, nic_filter, nic_mcast_count
; out:      CF = 0
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
ne2k_filter:
        mov     dl, 0
        cmp     word [nic_mcast_count], 0
        je      .no_group
        mov     dl, RCR_MULTICAST
.no_group:
        test    byte [nic_filter], FLTR_BROADCAST
        jz      .directed
        or      dl, RCR_BROADCAST
.directed:
        test    byte [nic_filter], FLTR_PROMISCUOUS
        jz      .own
        mov     dl, RCR_PROMISCUOUS | RCR_MULTICAST | RCR_BROADCAST
.own:
        mov     eax, [nic_mac]
        cmp     eax, [nic_permanent_mac]
        jne     .other
        mov     ax, [nic_mac + 4]
        cmp     ax, [nic_permanent_mac + 4]
        je      .write
.other:
        or      dl, RCR_PROMISCUOUS
.write:
        mov     al, dl
        IO_PORT NE_RCR
        out     dx, al
        clc
ne2k_open.done:
        ret

;---------------------------------------------------------------------------
; ne2k_close - stop (driver.inc)
; in:       nothing
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
ne2k_close:
        call    ne2k_tx_wait            ; the last frame; what is stuck is given up
        jmp     ne2k_reset              ; the address burnt in is in the PROM only

;---------------------------------------------------------------------------
; ne2k_link - nobody knows (driver.inc)
; in:       nothing
; out:      CF = 0, ZF = 0: there is a link
; clobbers: AL, flags
;---------------------------------------------------------------------------
ne2k_link:
        or      al, 1
        ret

;---------------------------------------------------------------------------
; ne2k_tx_wait - wait until the frame that was sent last has gone out
; in:       nic_io
; out:      CF = 0; CF = 1: it does not go out
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
ne2k_tx_wait:
        mov     cx, TX_MS
        call    timer_start
        IO_PORT NE_CR
.wait:
        in      al, dx
        test    al, CR_TXP
        jz      .done                   ; CF = 0
        call    timer_expired
        jnc     .wait
.done:
        ret

;---------------------------------------------------------------------------
; ne2k_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, flags
;---------------------------------------------------------------------------
ne2k_transmit:
        push    cx
        call    ne2k_tx_wait
        pop     cx
        jc      .fail
        push    cx
        add     cx, 3
        and     cl, ~3
        mov     ax, TX_PAGE << 8
        mov     dl, CR_START | CR_WRITE
        call    ne2k_data
        rep outsd
        call    ne2k_data_done
        pop     cx
        jc      .fail
        IO_PORT NE_TBCR0
        mov     al, cl
        out     dx, al
        inc     dx
        mov     al, ch
        out     dx, al
        sub     dx, NE_TBCR1 - NE_CR
        mov     al, CR_START | CR_IDLE | CR_TXP
        out     dx, al
        clc
        ret
.fail:
        mov     ax, UNDI_TRANSMIT_ERROR
        ret

;---------------------------------------------------------------------------
; ne2k_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
ne2k_receive:
        push    ds
        pop     es
        mov     bl, RX_STORM            ; a storm of frames for others must not hold us
.next:
        dec     bl
        jz      .none
        mov     al, [rx_page]
        cmp     al, [rx_until]
        jne     .frame
        call    ne2k_more
        jz      .none
        jc      .restart
        mov     al, [rx_page]
.frame:
        mov     ah, al
        mov     al, 0
        push    ax
        mov     cx, ne2k_rx_size
        mov     di, rx_head
        call    ne2k_read
        pop     ax
        jc      .restart
        mov     bh, [rx_head + ne2k_rx.next]
        cmp     bh, RX_PAGE
        jb      .restart
        cmp     bh, RX_END
        jae     .restart
        mov     cx, [rx_head + ne2k_rx.length]
        sub     cx, ne2k_rx_size
        cmp     cx, eth_size
        jb      .restart
        cmp     cx, RX_LONGEST - ne2k_rx_size
        ja      .free
        push    cx
        add     cx, 3
        and     cl, ~3
        add     ax, ne2k_rx_size
        mov     di, rx_buffers
        call    ne2k_read
        pop     cx
        jc      .restart
.free:
        mov     [rx_page], bh
        mov     al, bh
        dec     ax
        cmp     al, RX_PAGE
        jae     .boundary
        mov     al, RX_END - 1
.boundary:
        IO_PORT NE_BNRY
        out     dx, al
        cmp     cx, RX_LONGEST - ne2k_rx_size
        ja      .next
        test    byte [rx_head + ne2k_rx.status], RX_PRX
        jz      .next
        mov     si, rx_buffers
        call    filter_passes
        jc      .next
        ret
.restart:                               ; the ring is not what it should be
        call    ne2k_open
.none:
        stc
        ret

;---------------------------------------------------------------------------
; ne2k_more - have frames come since?
; in:       rx_page
; out:      ZF = 1: none; CF = 1: none, and the chip stands, as its ring was full; else rx_until
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
ne2k_more:
        IO_PORT NE_ISR
        in      al, dx
        mov     ah, al
        mov     al, ISR_PRX | ISR_RXE   ; before CURR is read: what comes later says so again
        out     dx, al
        sub     dx, NE_ISR - NE_CR
        mov     al, CR_START | CR_IDLE | CR_PAGE1
        out     dx, al
        add     dx, NE_CURR - NE_CR
        in      al, dx
        mov     [rx_until], al
        sub     dx, NE_CURR - NE_CR
        mov     al, CR_START | CR_IDLE
        out     dx, al
        mov     al, [rx_until]
        xor     al, [rx_page]           ; CF = 0
        jnz     .done
        test    ah, ISR_OVW             ; CF = 0
        jz      .done
        stc                             ; ZF = 0
.done:
        ret

;---------------------------------------------------------------------------
; ne2k_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
ne2k_irq_enable:
        mov     al, NE_INTERRUPTS
        jmp     ne2k_irq_mask

;---------------------------------------------------------------------------
; ne2k_irq_disable - no interrupts (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
ne2k_irq_disable:
        mov     al, 0
ne2k_irq_mask:                          ; fallthrough: AL = mask
        IO_PORT NE_IMR                  ; CF = 0
        out     dx, al
        ret

;---------------------------------------------------------------------------
; ne2k_irq_check - is the interrupt ours? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 0: yes, acknowledged
; clobbers: AX, DX, flags
;---------------------------------------------------------------------------
ne2k_irq_check:
        IO_PORT NE_ISR
        in      al, dx
        mov     ah, al
        and     al, NE_INTERRUPTS & ~ISR_OVW ; that one is left to ne2k_receive
        out     dx, al
        test    ah, NE_INTERRUPTS       ; CF = 0
        ret

;---------------------------------------------------------------------------
; ne2k_statistics - what the adapter counted (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
ne2k_statistics:
        IO_PORT NE_CNTR1
        xor     eax, eax
        in      al, dx
        add     [stat_rx_crc], eax
        inc     dx
        in      al, dx
        add     [stat_rx_resource], eax
        clc
        ret
%if NE_CNTR2 != NE_CNTR1 + 1
  %error ne2k_statistics counts on their order
%endif
