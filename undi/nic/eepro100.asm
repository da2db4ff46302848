; Intel 8255x: 82557, 82558, 82559, 82550, 82551, 82562 and the chip set's 82801.
;
; Received frames go behind a descriptor each. The last one's EL bit stops the receiver in front
; of what the client has not given back; the receiver is started again when all has been read.
%include "driver.inc"
%include "undi/chip/io.inc"
%include "undi/nic/eepro100.inc"

extern timer_start, timer_expired, timer_wait, filter_passes, station_keep

RESET_MS        equ 1           ; 10 us are enough
COMMAND_MS      equ 10
TX_MS           equ 20
MDI_MS          equ 10
PHY             equ 1
EEPROM_ADDRESS_MAX equ 8        ; bits
PORT_SLOW       equ 0x61        ; reading it takes a microsecond on a PC's bus
RX_LONGEST      equ ETH_MAX_FRAME + vlan_tag_size
RX_LAST         equ (RX_FRAMES - 1) * FRAME_BUFFER
RX_ROOM         equ FRAME_BUFFER - eepro_rfd_size
%if RX_ROOM <= RX_LONGEST
  %error a frame does not fit behind its descriptor
%endif

TABLE nic, eepro100
istruc driver
        at driver.ids,          dw eepro100_ids
        at driver.speed,        dd 100000000
        at driver.rx_count,     dw RX_FRAMES - 1 ; one may be with the client
        DRIVER_ROUTINES eepro100
iend

RODATA nic_eepro100
eepro100_ids:   dd NIC_IDS_EEPRO100, 0

; the configure command's bytes
eepro100_configuration:
        db      22              ; so many
        db      0x08            ; FIFO limits
        db      0, 0, 0, 0      ; no adaptive gap, no limits of DMA
        db      0x32            ; simple statistics, simple transmit blocks, no CX for each
        db      0x03            ; discard runts, one retry after underrun
        db      0x01            ; MII
        db      0
        db      0x2E            ; address by IA setup, preamble of 7 bytes
        db      0
        db      0x60            ; gap of 96 bits
        db      0x00, 0xF2
CONFIG_PROMISC  equ $ - eepro100_configuration
PROMISCUOUS     equ 1
        db      0x48            ; broadcast on
        db      0, 0x40
        db      0xFA            ; pad, strip the FCS, take longer frames: one may have a VLAN tag
        db      0x80            ; duplex as the PHY says
        db      0x3F
CONFIG_GROUPS   equ $ - eepro100_configuration
ALL_GROUPS      equ 8
        db      0x05
CONFIG_SIZE     equ $ - eepro100_configuration

BSS nic_eepro100
        alignb  16
command:        resb eepro_cb_size
tx_block:       resb eepro_tx_size
rx_next:        resw 1          ; the descriptor that is filled next
rx_held:        resb 1          ; its frame is with the client
filter_known:   resb 1          ; filter_bits was sent
filter_bits:    resb 1          ; PROMISCUOUS, ALL_GROUPS

CODE nic_eepro100
;---------------------------------------------------------------------------
; eepro100_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
eepro100_probe:
        call    io_find
        jc      .done
        call    eepro100_reset
        jc      .done
        mov     bl, EEPROM_ADDRESS_MAX
        xor     di, di
.word:
        mov     si, di
        shr     si, 1
        call    eepro100_eeprom
        jc      .fail
        mov     [di + rx_buffers], ax
        inc     di
        inc     di
        cmp     di, MAC_SIZE
        jb      .word
        mov     eax, [rx_buffers]
        mov     dx, [rx_buffers + 4]
        call    station_keep
        jnc     .done
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_eeprom - a word of the EEPROM, bit by bit
; in:       SI = number of the word; BL = bits of an address, or more for word 0
; out:      CF = 0, AX = word, BL = bits of an address; CF = 1: no answer
; clobbers: AX, BX, CX, DX, SI, flags
;---------------------------------------------------------------------------
; The EEPROM answers the last bit of an address with a 0, before it with ones.
eepro100_eeprom:
        IO_PORT SCB_EEPROM
        mov     ax, EE_CS
        out     dx, ax
        mov     cx, 16
        sub     cl, bl
        shl     si, cl
        stc                             ; the start bit and READ: 110
        call    .clock
        stc
        call    .clock
        clc
        call    .clock
        mov     bh, 0
.address:
        inc     bh
        shl     si, 1
        call    .clock
        jnc     .answer
        cmp     bh, bl
        jb      .address
        stc
        jmp     .end
.answer:
        mov     bl, bh
        mov     cx, 16
.data:
        clc
        call    .clock
        rcl     si, 1
        loop    .data
        clc
.end:
        mov     ax, 0                   ; keeps CF
        out     dx, ax
        xchg    ax, si
        ret
.clock:                                 ; CF = bit to the EEPROM; out: CF = bit from it; loses AX
        mov     ax, EE_CS
        jnc     .low
        mov     al, EE_CS | EE_DI
.low:
        out     dx, ax
        call    .pause
        or      al, EE_SK
        out     dx, ax
        call    .pause
        in      ax, dx
        shr     ax, 4
%if EE_DO != 1 << 3
  %error eepro100_eeprom shifts EE_DO into CF
%endif
        ret
.pause:
        push    ax
        in      al, PORT_SLOW
        in      al, PORT_SLOW
        pop     ax
        ret

;---------------------------------------------------------------------------
; eepro100_reset - everything stopped (driver.inc)
; in:       nic_io
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
eepro100_reset:
        mov     eax, PORT_SELECTIVE
        call    .port
        xor     eax, eax
%if PORT_RESET != 0
  %error eepro100_reset takes 0 for PORT_RESET
%endif
        call    .port
        call    eepro100_irq_disable    ; a reset lets them through
        mov     cl, CUC_BASE
        call    .base
        jc      .done
        mov     cl, RUC_BASE
.base:
        xor     eax, eax
        jmp     eepro100_scb
.port:
        IO_PORT SCB_PORT
        out     dx, eax
        mov     cx, RESET_MS
        jmp     timer_wait
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_start - let the command unit begin with a block
; in:       DI = block
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, CX, EDX, flags
;---------------------------------------------------------------------------
eepro100_start:
        movzx   eax, di
        add     eax, [nic_linear]
        mov     cl, CUC_START
        ; fallthrough: give the command

;---------------------------------------------------------------------------
; eepro100_scb - give a command
; in:       EAX = its address, CL = command
; out:      CF = 0; CF = 1, AX = status: the one before it is not taken
; clobbers: EAX, CX, EDX, flags
;---------------------------------------------------------------------------
eepro100_scb:
        push    eax
        push    ecx
        IO_PORT SCB_COMMAND
        in      al, dx                  ; mostly it is free
        test    al, al
        jz      .free
        push    dx
        mov     cx, COMMAND_MS
        call    timer_start
        pop     dx
.wait:
        in      al, dx
        test    al, al                  ; CF = 0
        jz      .free
        call    timer_expired
        jnc     .wait
.free:
        pop     ecx
        pop     eax
        jc      .fail
        add     dx, SCB_POINTER - SCB_COMMAND
        out     dx, eax
        sub     dx, SCB_POINTER - SCB_COMMAND ; CF = 0
        mov     al, cl
        out     dx, al
        ret
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        ret

;---------------------------------------------------------------------------
; eepro100_run - run the block `command` to its end
; in:       AX = CB_CONFIGURE or CB_ADDRESS, command.data
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
eepro100_run:
        mov     di, command
        or      ah, CB_EL >> 8
        mov     word [di + eepro_cb.status], 0
        mov     [di + eepro_cb.command], ax
        call    eepro100_start
        jc      .done
        mov     cx, COMMAND_MS
        call    eepro100_wait
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_wait - wait for the end of a block and of the command unit's work
; in:       DI = block, CX = milliseconds
; out:      CF = 0; CF = 1: it does not come
; clobbers: EAX, ECX, EDX, flags
;---------------------------------------------------------------------------
eepro100_wait:
        call    timer_start
        IO_PORT SCB_STATUS
.wait:
        test    byte [di + eepro_cb.status + 1], CB_C >> 8
        jz      .more
        in      al, dx
        test    al, SCB_CU_ACTIVE       ; CF = 0
        jz      .done
.more:
        call    timer_expired
        jnc     .wait
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_show_address - what the adapter receives as its own
; in:       SI = MAC
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
eepro100_show_address:
        push    ds
        pop     es
        mov     di, command + eepro_cb.data
        movsd
        movsw
        mov     ax, CB_ADDRESS
        jmp     eepro100_run

;---------------------------------------------------------------------------
; eepro100_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
eepro100_open:
        call    eepro100_reset
        jc      .done
        mov     byte [tx_block + eepro_tx.status + 1], CB_C >> 8 ; nothing is going out
        mov     byte [rx_held], 0
        mov     byte [filter_known], 0
        mov     si, nic_mac
        call    eepro100_show_address
        jc      .done
        call    eepro100_filter
        jc      .done
        mov     di, rx_buffers
        mov     [rx_next], di
        mov     ebx, [nic_linear]
        add     ebx, rx_buffers         ; EBX = physical address of the next descriptor
        mov     cx, RX_FRAMES
.rx:
        add     ebx, FRAME_BUFFER
        mov     dword [di + eepro_rfd.status], 0 ; and command
        mov     [di + eepro_rfd.link], ebx
        or      dword [di + eepro_rfd.pieces], -1
        mov     dword [di + eepro_rfd.length], RX_ROOM << 16 ; and size
        add     di, FRAME_BUFFER
        loop    .rx
        sub     di, FRAME_BUFFER
        mov     byte [di + eepro_rfd.command + 1], CB_EL >> 8
        sub     ebx, RX_FRAMES * FRAME_BUFFER
        mov     [di + eepro_rfd.link], ebx
        ; fallthrough: receive

;---------------------------------------------------------------------------
; eepro100_receiver - the receiver begins
; in:       rx_next
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, CX, EDX, flags
;---------------------------------------------------------------------------
eepro100_receiver:
        movzx   eax, word [rx_next]
        add     eax, [nic_linear]
        mov     cl, RUC_START
        jmp     eepro100_scb
eepro100_open.done:
        ret

;---------------------------------------------------------------------------
; eepro100_filter - what is received (driver.inc)
; in:       nic_filter, nic_mcast_count
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
eepro100_filter:
        mov     ax, 1                   ; filter_known
        cmp     word [nic_mcast_count], 0
        je      .no_group
        or      ah, ALL_GROUPS          ; filter_passes knows which
.no_group:
        test    byte [nic_filter], FLTR_PROMISCUOUS
        jz      .compare
        or      ah, ALL_GROUPS | PROMISCUOUS
.compare:
        cmp     ax, [filter_known]
        je      .done                   ; CF = 0
        push    ax
        mov     cx, TX_MS
        mov     di, tx_block
        call    eepro100_wait
        jc      .stuck
        push    ds
        pop     es
        mov     si, eepro100_configuration
        mov     di, command + eepro_cb.data
        mov     cx, CONFIG_SIZE
        cs rep movsb
        pop     ax
        mov     [filter_known], ax
        mov     al, ah
        and     ax, ALL_GROUPS << 8 | PROMISCUOUS
        or      [command + eepro_cb.data + CONFIG_PROMISC], al
        or      [command + eepro_cb.data + CONFIG_GROUPS], ah
        mov     ax, CB_CONFIGURE
        jmp     eepro100_run
.stuck:
        pop     ax
        mov     ax, UNDI_TRANSMIT_ERROR
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_close - stop (driver.inc)
; in:       nic_permanent_mac
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
; QEMU's adapter takes the address in use for the one burnt in at the next reset.
eepro100_close:
        mov     cx, TX_MS
        mov     di, tx_block
        call    eepro100_wait           ; the last frame; what is stuck is given up
        call    eepro100_reset
        mov     si, nic_permanent_mac
        call    eepro100_show_address
        jmp     eepro100_reset

;---------------------------------------------------------------------------
; eepro100_link - is there a link? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 1: no link; CF = 1, AX = status
; clobbers: EAX, BX, ECX, EDX, flags
;---------------------------------------------------------------------------
eepro100_link:
        mov     bl, 2                   ; the first reading tells of a loss that is past
.read:
        IO_PORT SCB_MDI
        mov     eax, MDI_READ | PHY << MDI_PHY | BMSR << MDI_REG
        out     dx, eax
        push    dx
        mov     cx, MDI_MS
        call    timer_start
        pop     dx
.wait:
        in      eax, dx
        bt      eax, MDI_READY
        jc      .ready
        call    timer_expired
        jnc     .wait
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        ret
.ready:
        dec     bl
        jnz     .read
        test    al, BMSR_LINK           ; CF = 0
        ret

;---------------------------------------------------------------------------
; eepro100_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, ESI, DI, flags
;---------------------------------------------------------------------------
eepro100_transmit:
        push    cx
        mov     cx, TX_MS
        mov     di, tx_block
        call    eepro100_wait
        pop     cx
        mov     ax, UNDI_TRANSMIT_ERROR
        jc      .done
        movzx   esi, si
        mov     eax, [nic_linear]
        add     esi, eax
        mov     [di + eepro_tx.address], esi
        add     eax, tx_block + eepro_tx.address
        mov     [di + eepro_tx.pieces], eax
        movzx   ecx, cx
        or      ecx, TX_EL
        mov     [di + eepro_tx.length], ecx
        mov     dword [di + eepro_tx.status], (CB_EL | CB_SF | CB_TRANSMIT) << 16 ; and command
        mov     dword [di + eepro_tx.own_bytes], TX_THRESHOLD << 16 | 1 << 24 ; and threshold, count
        jmp     eepro100_start
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, BX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
eepro100_receive:
        mov     bx, RX_FRAMES           ; a storm of bad frames must not hold us
.next:
        call    eepro100_give_back
        mov     di, [rx_next]
        mov     ah, [di + eepro_rfd.status + 1]
        test    ah, CB_C >> 8
        jz      .empty
        IO_PORT SCB_STATUS              ; what is read from a register comes behind all that the chip has written
        in      al, dx                  ; (PCI 2.2, 3.2.5); QEMU's tells of a frame before its bytes
        mov     byte [rx_held], 1
        test    ah, CB_OK >> 8
        jz      .drop
        mov     cx, [di + eepro_rfd.length]
        and     cx, RFD_LENGTH
        cmp     cx, RX_LONGEST
        ja      .drop
        lea     si, [di + eepro_rfd_size]
        call    filter_passes
        jnc     .done
.drop:
        dec     bx
        jnz     .next
        jmp     .none
.empty:
        IO_PORT SCB_STATUS
        in      al, dx
        and     al, SCB_RU
        cmp     al, SCB_RU_READY
        je      .none
        test    byte [di + eepro_rfd.status + 1], CB_C >> 8
        jnz     .next                   ; it came before the receiver stopped
        call    eepro100_receiver
.none:
        stc
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_give_back - return the descriptor whose frame the client has had
; in:       rx_held
; out:      nothing
; clobbers: AX, SI, DI, flags
;---------------------------------------------------------------------------
; It is the last one then, the one before it no longer.
eepro100_give_back:
        mov     al, 0
        xchg    al, [rx_held]
        test    al, al
        jz      .done
        mov     di, [rx_next]
        mov     word [di + eepro_rfd.length], 0
        mov     dword [di + eepro_rfd.status], CB_EL << 16 ; and command
        mov     si, di
        cmp     si, rx_buffers
        jne     .before
        mov     si, rx_buffers + RX_LAST + FRAME_BUFFER
.before:
        mov     word [si - FRAME_BUFFER + eepro_rfd.command], 0
        add     di, FRAME_BUFFER
        cmp     di, rx_buffers + RX_LAST
        jbe     .next
        mov     di, rx_buffers
.next:
        mov     [rx_next], di
.done:
        ret

;---------------------------------------------------------------------------
; eepro100_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
eepro100_irq_enable:
        mov     al, 0
        jmp     eepro100_irq_mask

;---------------------------------------------------------------------------
; eepro100_irq_disable - no interrupts (driver.inc)
; in:       nic_io
; out:      CF = 0
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
eepro100_irq_disable:
        mov     al, MASK_ALL
eepro100_irq_mask:                      ; fallthrough: AL = mask
        IO_PORT SCB_MASK                ; CF = 0
        out     dx, al
        ret

;---------------------------------------------------------------------------
; eepro100_irq_check - is the interrupt ours? (driver.inc)
; in:       nic_io
; out:      CF = 0, ZF = 0: yes, acknowledged
; clobbers: AL, DX, flags
;---------------------------------------------------------------------------
eepro100_irq_check:
        IO_PORT SCB_ACK
        in      al, dx
        out     dx, al
        test    al, ACK_CX | ACK_FR | ACK_CNA | ACK_RNR ; CF = 0
        ret

;---------------------------------------------------------------------------
; eepro100_statistics - the adapter's counts are not asked for (driver.inc)
; in:       nothing
; out:      CF = 0
; clobbers: flags
;---------------------------------------------------------------------------
eepro100_statistics:
        clc
        ret
