; AMD PCnet-PCI: Am79C970A and followers.
%include "driver.inc"
%include "undi/chip/io.inc"
%include "undi/nic/pcnet.inc"

extern timer_start, timer_expired, filter_passes, station_keep

INIT_MS         equ 20
TX_MS           equ 20
; rings have a power of two
%if RX_FRAMES >= 32
RX_LOG2         equ 5
%elif RX_FRAMES >= 16
RX_LOG2         equ 4
%elif RX_FRAMES >= 8
RX_LOG2         equ 3
%else
RX_LOG2         equ 2
%endif
RX_RING         equ 1 << RX_LOG2
TX_LOG2         equ 1
TX_RING         equ 1 << TX_LOG2
RX_LONGEST      equ ETH_MAX_FRAME + vlan_tag_size + FCS ; what is longer spans two buffers
RX_STATUS       equ PCN_OWN | PCN_ONES | (0x1000 - RX_LONGEST) ; given to the chip
PCN_INTERRUPTS  equ CSR0_RINT | CSR0_TINT | CSR0_MISS
FCS             equ 4

TABLE nic, pcnet
istruc driver
        at driver.ids,          dw pcnet_ids
        at driver.speed,        dd 100000000
        at driver.rx_count,     dw RX_RING - 1 ; one may be with the client
        DRIVER_ROUTINES pcnet
iend

RODATA nic_pcnet
pcnet_ids:      dd NIC_IDS_PCNET, 0

; The chip looks at the transmit ring all the time; QEMU's costs that some percent of all that the machine
; does, but it makes QEMU's main loop turn, for which a new connection of its user network waits.
POLLED_FRAMES   equ 64

BSS nic_pcnet
        alignb  16
rx_ring:        resb RX_RING * pcnet_rx_size
tx_ring:        resb TX_RING * pcnet_tx_size
init_block:     resb pcnet_init_size
rx_next:        resw 1          ; offset in rx_ring of the descriptor that is filled next
tx_next:        resw 1          ; offset in tx_ring
missed:         resw 1          ; CSR112, as it was read last
dwords:         resb 1          ; the registers are in 32-bit mode
rx_held:        resb 1          ; the frame at rx_next is with the client
irq_allowed:    resb 1          ; CSR0_IENA or 0: each write to CSR0 sets it anew
tx_polled:      resb 1          ; minus the frames until the chip looks only when told to

CODE nic_pcnet
;---------------------------------------------------------------------------
; pcnet_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
pcnet_probe:
        call    io_find
        jc      .done
        mov     byte [dwords], 0
        call    pcnet_reset
        call    .there
        je      .found
        inc     byte [dwords]           ; somebody before us has switched
        call    pcnet_reset
        call    .there
        jne     .fail
        IO_PORT PCN_APROM + 4
        in      eax, dx
        push    ax
        sub     dx, 4
        in      eax, dx
        pop     dx
        jmp     .address
.found:
        IO_PORT PCN_APROM + 2
        in      ax, dx
        shl     eax, 16
        push    dx
        dec     dx
        dec     dx
        in      ax, dx
        pop     dx
        push    eax
        inc     dx
        inc     dx
        in      ax, dx
        xchg    dx, ax
        pop     eax
.address:
        call    station_keep
        jnc     .done
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret
.there:                                 ; ZF = 1: CSR0 is what it is after reset
        mov     di, CSR0
        call    pcnet_get
        cmp     ax, CSR0_STOP
        ret

;---------------------------------------------------------------------------
; pcnet_select - point at a register
; in:       DI = register, bit 15: BCR
; out:      DX = port of its data; CF = 1: it is a dword
; clobbers: DX, flags
;---------------------------------------------------------------------------
pcnet_select:
        push    eax
        movzx   eax, di
        mov     ah, 0
        cmp     byte [dwords], 0
        jne     .dword
        IO_PORT PCN_RAP16
        out     dx, ax
        sub     dx, PCN_RAP16 - PCN_RDP
        test    di, di
        jns     .done
        add     dx, PCN_BDP16 - PCN_RDP
        jmp     .done                   ; CF = 0
.dword:
        IO_PORT PCN_RAP32
        out     dx, eax
        sub     dx, PCN_RAP32 - PCN_RDP
        test    di, di
        jns     .csr
        add     dx, PCN_BDP32 - PCN_RDP
.csr:
        stc
.done:
        pop     eax
        ret

;---------------------------------------------------------------------------
; pcnet_put - write a register
; in:       DI = register, AX = value
; out:      CF = 0
; clobbers: DX, flags
;---------------------------------------------------------------------------
pcnet_put:
        call    pcnet_select
        jc      .dword
        out     dx, ax
        ret
.dword:
        push    eax
        movzx   eax, ax
        out     dx, eax
        pop     eax
        clc
        ret

;---------------------------------------------------------------------------
; pcnet_get - read a register
; in:       DI = register
; out:      AX = value
; clobbers: EAX, DX, flags
;---------------------------------------------------------------------------
pcnet_get:
        call    pcnet_select
        jc      .dword
        in      ax, dx
        ret
.dword:
        in      eax, dx
        ret

;---------------------------------------------------------------------------
; pcnet_command - write CSR0
; in:       AX = bits; irq_allowed
; out:      CF = 0
; clobbers: AX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_command:
        or      al, [irq_allowed]
        mov     di, CSR0
        jmp     pcnet_put

;---------------------------------------------------------------------------
; pcnet_reset - everything stopped (driver.inc)
; in:       nic_io, dwords
; out:      CF = 0
; clobbers: EAX, EBX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
pcnet_reset:
        mov     byte [irq_allowed], 0
        IO_PORT PCN_RESET32
        in      eax, dx
        sub     dx, PCN_RESET32 - PCN_RESET16
        in      ax, dx
        mov     ax, CSR0_STOP
        call    pcnet_command
        xor     ax, ax                  ; a reset leaves the addresses
        mov     bx, pcnet_addresses
.address:
        movzx   di, byte [cs:bx]
        call    pcnet_put
        inc     bx
        cmp     bx, pcnet_addresses_end
        jb      .address
        clc
        ret

RODATA nic_pcnet
pcnet_addresses: db CSR1, CSR1 + 1, CSR24, CSR24 + 1, CSR30, CSR30 + 1
pcnet_addresses_end:

CODE nic_pcnet
;---------------------------------------------------------------------------
; pcnet_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
pcnet_open:
        call    pcnet_reset
        push    ds
        pop     es
        xor     eax, eax
        mov     [rx_next], eax          ; and tx_next
        mov     [missed], ax
        mov     [rx_held], al
        mov     byte [tx_polled], -POLLED_FRAMES
        mov     di, rx_ring
        mov     cx, (RX_RING * pcnet_rx_size + TX_RING * pcnet_tx_size + pcnet_init_size) / 4
        rep stosd
        mov     di, rx_ring
        mov     eax, [nic_linear]
        mov     ebx, eax                ; EBX = physical address of DS:0
        add     eax, rx_buffers
        mov     cx, RX_RING
.rx:
        mov     [di + pcnet_rx.address], eax
        mov     dword [di + pcnet_rx.status], RX_STATUS
        add     eax, FRAME_BUFFER
        add     di, pcnet_rx_size
        loop    .rx

        mov     byte [init_block + pcnet_init.rx_length], RX_LOG2 << PCN_LOG2
        mov     byte [init_block + pcnet_init.tx_length], TX_LOG2 << PCN_LOG2
        mov     si, nic_mac
        mov     di, init_block + pcnet_init.mac
        movsd
        movsw
        lea     eax, [ebx + rx_ring]
        mov     [init_block + pcnet_init.rx_ring], eax
        add     eax, tx_ring - rx_ring
        mov     [init_block + pcnet_init.tx_ring], eax
        call    pcnet_wanted
        mov     [init_block + pcnet_init.mode], ax
        mov     [init_block + pcnet_init.groups], ecx
        mov     [init_block + pcnet_init.groups + 4], ecx

        mov     ax, BCR20_PCI32
        mov     di, BCR20
        call    pcnet_put
        mov     ax, CSR3_IDONM | CSR3_MERRM | CSR3_BABLM
        mov     di, CSR3
        call    pcnet_put
        mov     ax, CSR4_MASKS
        inc     di
%if CSR4 != CSR3 + 1
  %error pcnet_open takes CSR4 behind CSR3
%endif
        call    pcnet_put
        lea     eax, [ebx + init_block]
        mov     di, CSR1
        call    pcnet_put
        shr     eax, 16
        inc     di
        call    pcnet_put
        mov     ax, CSR0_INIT
        call    pcnet_command
        mov     cx, INIT_MS
        call    timer_start
.wait:
        mov     di, CSR0
        call    pcnet_get
        test    ax, CSR0_IDON
        jnz     .start
        call    timer_expired
        jnc     .wait
        call    pcnet_reset
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
        ret
.start:
        mov     ax, CSR0_IDON | CSR0_STRT
        jmp     pcnet_command

;---------------------------------------------------------------------------
; pcnet_wanted - what the chip is to let in
; in:       nic_filter, nic_mcast_count
; out:      AX = mode, ECX = either half of the groups: all or none, as filter_passes knows which
; clobbers: EAX, ECX, flags
;---------------------------------------------------------------------------
pcnet_wanted:
        xor     ax, ax
        test    byte [nic_filter], FLTR_PROMISCUOUS
        jz      .own
        mov     ah, MODE_PROM >> 8
.own:
        xor     ecx, ecx
        cmp     [nic_mcast_count], cx
        je      .done
        dec     ecx
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_filter - what is received (driver.inc)
; in:       nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
; Both are taken over when the chip starts only, with empty rings.
pcnet_filter:
        call    pcnet_wanted
        cmp     ax, [init_block + pcnet_init.mode]
        jne     .again
        cmp     ecx, [init_block + pcnet_init.groups]
        je      .done                   ; CF = 0
.again:
        call    pcnet_tx_wait
        push    word [irq_allowed]
        call    pcnet_open
        pop     cx
        jc      .done
        mov     [irq_allowed], cl
        xor     ax, ax
        jmp     pcnet_command
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_close - stop (driver.inc)
; in:       nic_permanent_mac
; out:      CF = 0
; clobbers: EAX, EBX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
pcnet_close:
        call    pcnet_tx_wait           ; the last frame; what is stuck is given up
        call    pcnet_reset
        mov     si, nic_permanent_mac
        mov     di, CSR12
.word:
        lodsw
        call    pcnet_put
        inc     di
        cmp     di, CSR12 + MAC_SIZE / 2
        jb      .word
        clc
        ret

;---------------------------------------------------------------------------
; pcnet_link - is there a link? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 1: no link
; clobbers: EAX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_link:
        mov     di, BCR4
        call    pcnet_get
        test    ah, BCR4_LEDOUT >> 8
        ret

;---------------------------------------------------------------------------
; pcnet_tx_wait - wait until the frame that was queued last has gone out
; in:       tx_next
; out:      CF = 0, DI = descriptor of the next frame; CF = 1: it does not go out
; clobbers: EAX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
pcnet_tx_wait:
        mov     cx, TX_MS
        call    timer_start
        mov     di, [tx_next]
        xor     di, pcnet_tx_size       ; the other one
%if TX_RING != 2
  %error pcnet_tx_wait counts on two descriptors
%endif
.wait:
        test    byte [di + tx_ring + pcnet_tx.status + 3], PCN_OWN >> 24 ; CF = 0
        jz      .free
        call    timer_expired
        jnc     .wait
        ret
.free:
        mov     di, [tx_next]
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, ESI, DI, flags
;---------------------------------------------------------------------------
pcnet_transmit:
        push    cx
        call    pcnet_tx_wait
        pop     cx
        mov     ax, UNDI_TRANSMIT_ERROR
        jc      .done
        movzx   esi, si
        add     esi, [nic_linear]
        mov     [di + tx_ring + pcnet_tx.address], esi
        mov     dword [di + tx_ring + pcnet_tx.errors], 0
        mov     eax, PCN_OWN | PCN_STP | PCN_ENP
        sub     ax, cx                  ; PCN_ONES too: a length is below 1000h
        mov     [di + tx_ring + pcnet_tx.status], eax
        xor     di, pcnet_tx_size
        mov     [tx_next], di
        inc     byte [tx_polled]
        jnz     .tell
        mov     ax, CSR4_MASKS | CSR4_DPOLL
        mov     di, CSR4
        call    pcnet_put
.tell:
        mov     ax, CSR0_TDMD
        jmp     pcnet_command
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, ESI, DI, flags
;---------------------------------------------------------------------------
pcnet_receive:
        mov     bx, RX_RING             ; a storm of bad frames must not hold us
.next:
        call    pcnet_give_back
        mov     di, [rx_next]
        add     di, rx_ring
        mov     ah, [di + pcnet_rx.status + 3]
        test    ah, ah
        js      .none                   ; PCN_OWN
        IO_PORT PCN_RDP                 ; what is read from a register comes behind all that the chip has written
        in      eax, dx                 ; (PCI 2.2, 3.2.5); QEMU's gives the descriptor away before the length
        mov     ah, [di + pcnet_rx.status + 3]
        mov     byte [rx_held], 1
        and     ah, (PCN_ERR | PCN_STP | PCN_ENP) >> 24
        cmp     ah, (PCN_STP | PCN_ENP) >> 24
        jne     .drop                   ; damaged, or longer than a buffer
        mov     cx, [di + pcnet_rx.length]
        and     cx, PCN_LENGTH
        sub     cx, FCS
        mov     esi, [di + pcnet_rx.address]
        sub     esi, [nic_linear]
        call    filter_passes
        jnc     .done
.drop:
        dec     bx
        jnz     .next
.none:
        stc
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_give_back - return the descriptor whose frame the client has had
; in:       rx_held
; out:      nothing
; clobbers: AX, DI, flags
;---------------------------------------------------------------------------
pcnet_give_back:
        mov     al, 0
        xchg    al, [rx_held]
        test    al, al
        jz      .done
        mov     di, [rx_next]
        mov     dword [di + rx_ring + pcnet_rx.status], RX_STATUS
        add     di, pcnet_rx_size
        and     di, RX_RING * pcnet_rx_size - 1
        mov     [rx_next], di
.done:
        ret

;---------------------------------------------------------------------------
; pcnet_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_irq_enable:
        mov     al, CSR0_IENA
        jmp     pcnet_irq_mask

;---------------------------------------------------------------------------
; pcnet_irq_disable - no interrupts (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_irq_disable:
        mov     al, 0
pcnet_irq_mask:                         ; fallthrough: AL = irq_allowed
        mov     [irq_allowed], al
        xor     ax, ax
        jmp     pcnet_command

;---------------------------------------------------------------------------
; pcnet_irq_check - is the interrupt ours? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 0: yes, acknowledged
; clobbers: EAX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_irq_check:
        mov     di, CSR0
        call    pcnet_get
        and     ax, PCN_INTERRUPTS
        push    ax
        call    pcnet_command
        pop     ax
        test    ax, ax
        ret

;---------------------------------------------------------------------------
; pcnet_statistics - what the adapter counted (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: EAX, DX, DI, flags
;---------------------------------------------------------------------------
pcnet_statistics:
        mov     di, CSR112
        call    pcnet_get
        movzx   eax, ax
        mov     di, ax
        sub     ax, [missed]            ; it begins anew with 0 when the chip starts
        mov     [missed], di
        add     [stat_rx_resource], eax
        clc
        ret
