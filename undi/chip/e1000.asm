; What Intel's gigabit adapters of the 8254x family and the 82574 have in common: everything but the
; EEPROM's register. The drivers in undi/nic bring a probe that says which form it has.
;
; Registers are reached through the I/O window (address, then data) where there is one that works,
; also in virtual-8086 mode; else in memory above 1 MiB. In a virtual machine each access is an exit,
; so that what can be known from the descriptors in memory is read there, and the receive tail is
; written once for several frames, or when nothing has come for a while.
%define E1000_CHIP
%include "driver.inc"
%include "undi/chip/e1000.inc"

global e1000_find:function, e1000_reset:function, e1000_open:function, e1000_close:function
global e1000_link:function, e1000_transmit:function, e1000_receive:function, e1000_filter:function
global e1000_irq_enable:function, e1000_irq_disable:function, e1000_irq_check:function
global e1000_statistics:function
extern config_read, mmio_enter, timer_start, timer_expired, timer_wait, station_keep

TX_RING         equ 8           ; the length of a ring is a multiple of 128 bytes
RX_RING         equ E1000_RX_RING
RESET_MS        equ 10
TX_MS           equ 20          ; a full frame at 10 Mbit/s takes 1.3 ms
EEPROM_MS       equ 10
%if TX_BUFFERS < 2
  %error e1000_transmit counts on two buffers at least
%endif

BSS nic_e1000
        alignb  16
rx_ring:        resb RX_RING * e1000_rx_size
tx_ring:        resb TX_RING * e1000_tx_size
rctl:           resd 1          ; as written: writing it again makes QEMU deaf for a second
rx_ring_end:    resw 1          ; descriptors in use
rx_next:        resw 1          ; index of the descriptor that is filled next
rx_used:        resw 1          ; descriptors behind it that are not given back yet
tx_next:        resw 1
rx_held:        resb 1          ; the frame at rx_next is with the client
rx_partial:     resb 1          ; in the middle of a frame that is longer than a buffer
rx_looks:       resb 1          ; at a ring with nothing new, since a frame came or went; 0: the tail is written
eerd_form:      resw 1          ; EERD_SMALL or EERD_LARGE

CODE nic_e1000
;---------------------------------------------------------------------------
; e1000_find - find the registers, reset, read the address (the rest of driver.probe)
; in:       nic_bdf; AX = EERD_SMALL or EERD_LARGE
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
e1000_find:
        mov     [eerd_form], ax
        mov     word [nic_io], 0
        mov     di, PCI_BAR0 - 4
.bar:
        add     di, 4
        cmp     di, PCI_BAR5
        ja      .memory
        call    config_read
        test    al, PCI_BAR_IO
        jnz     .window
        test    al, PCI_BAR_64
        jz      .bar
        add     di, 4
        jmp     .bar
.window:
        and     al, ~3
        xchg    dx, ax
        test    dx, dx
        jz      .bar                    ; the BIOS gave it no address
        xor     eax, eax
        mov     al, E1000_STATUS
        out     dx, eax                 ; does it keep what is written? In QEMU's e1000 it is dead
        in      eax, dx
        cmp     eax, E1000_STATUS
        jne     .bar
        mov     [nic_io], dx
        jmp     .found
.memory:
        mov     di, PCI_BAR0
        call    config_read
        test    al, PCI_BAR_IO
        jnz     .fail
        mov     ecx, eax
        and     al, 0xF0
        test    eax, eax
        jz      .fail
        mov     [nic_mmio], eax
        test    cl, PCI_BAR_64
        jz      .found
        mov     di, PCI_BAR0 + 4
        call    config_read
        test    eax, eax
        jnz     .fail                   ; above 4 GiB
.found:
        call    e1000_reset
        jc      .done
        mov     di, E1000_RAH0
        call    e1000_get
        xchg    edx, eax
        mov     di, E1000_RAL0
        call    e1000_get
        call    station_keep
        jnc     .done
        call    e1000_eeprom
        jc      .fail
        call    station_keep
        jnc     .done
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret

;---------------------------------------------------------------------------
; e1000_enter - make the registers reachable for e1000_put and e1000_get
; in:       nic_io, nic_mmio
; out:      CF = 0; CF = 1, AX = status (mmio_enter)
; clobbers: AX, EBX, FS, flags
;---------------------------------------------------------------------------
e1000_enter:
        cmp     word [nic_io], 0
        je      mmio_enter
        ret                             ; CF = 0

;---------------------------------------------------------------------------
; e1000_put - write a register
; in:       DI = register, EAX = value; e1000_enter
; out:      CF = 0
; clobbers: EDI, flags
;---------------------------------------------------------------------------
e1000_put:
        movzx   edi, di
        cmp     word [nic_io], 0
        je      .memory
        push    dx
        call    e1000_select
        out     dx, eax
        pop     dx
        clc
        ret
.memory:
        mov     [fs:ebx + edi], eax
        ret

;---------------------------------------------------------------------------
; e1000_get - read a register
; in:       DI = register; e1000_enter
; out:      EAX = value
; clobbers: EDI, flags
;---------------------------------------------------------------------------
e1000_get:
        movzx   edi, di
        cmp     word [nic_io], 0
        je      .memory
        push    dx
        call    e1000_select
        in      eax, dx
        pop     dx
        ret
.memory:
        mov     eax, [fs:ebx + edi]
        ret

;---------------------------------------------------------------------------
; e1000_select - point the I/O window at a register
; in:       EDI = register
; out:      DX = port of its data
; clobbers: DX, flags
;---------------------------------------------------------------------------
e1000_select:
        mov     dx, [nic_io]
        xchg    eax, edi
        out     dx, eax
        xchg    eax, edi
        add     dx, E1000_IODATA
        ret

;---------------------------------------------------------------------------
; e1000_show_address - what the adapter receives as its own
; in:       SI = MAC; e1000_enter
; out:      CF = 0
; clobbers: EAX, SI, EDI, flags
;---------------------------------------------------------------------------
e1000_show_address:
        lodsd
        mov     di, E1000_RAL0
        call    e1000_put
        xor     eax, eax
        lodsw
        bts     eax, RAH_AV
        mov     di, E1000_RAH0
        jmp     e1000_put

;---------------------------------------------------------------------------
; e1000_eeprom - the address from the EEPROM, words 0 to 2
; in:       e1000_enter
; out:      CF = 0, EAX, DX = MAC; CF = 1: the EEPROM does not answer
; clobbers: EAX, ECX, EDX, ESI, EDI, flags
;---------------------------------------------------------------------------
; A card whose EEPROM was not loaded shows an empty receive address after reset.
e1000_eeprom:
        mov     si, 3                   ; words, from the last
.word:
        dec     si
        js      .done
        push    eax                     ; what was read
        movzx   eax, si
        push    cx
        mov     cx, [eerd_form]         ; CL = shift
        shl     eax, cl
        pop     cx
        or      al, EERD_START
        mov     di, E1000_EERD
        call    e1000_put
        mov     cx, EEPROM_MS
        push    edx
        call    timer_start
        pop     edx
.wait:
        mov     di, E1000_EERD
        call    e1000_get
        test    al, [eerd_form + 1]
        jnz     .ready
        call    timer_expired
        jnc     .wait
        pop     eax
        ret                             ; CF = 1
.ready:
        xchg    edi, eax
        pop     eax
        shr     edi, EERD_DATA
        shl     eax, 16
        mov     ax, di
        cmp     si, 2
        jne     .word
        mov     dx, di                  ; the last two bytes
        jmp     .word
.done:
        clc
        ret

;---------------------------------------------------------------------------
; e1000_reset - everything stopped, the link on its way up (driver.inc)
; in:       nothing
; out:      CF = 0, e1000_enter was called; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
; QEMU's adapter only clears the RST bit: what matters is stopped by hand, before and after.
e1000_reset:
        call    e1000_enter
        jc      .done
        call    e1000_stop
        xor     di, di
        call    e1000_get
        or      eax, CTRL_RST
        xor     di, di
        call    e1000_put
        mov     cx, RESET_MS            ; the EEPROM is loaded meanwhile
        call    timer_wait
        call    e1000_stop
        xor     di, di
        call    e1000_get
        and     eax, ~(CTRL_LRST | CTRL_FRCSPD | CTRL_FRCDPLX | CTRL_RST | CTRL_VME | CTRL_PHY_RST)
        or      al, CTRL_SLU | CTRL_ASDE
        xor     di, di
        jmp     e1000_put
%if E1000_CTRL != 0
  %error e1000_reset takes the first register for CTRL
%endif
.done:
        ret

;---------------------------------------------------------------------------
; e1000_stop - no interrupts, no receiving, no sending, no addresses of our memory
; in:       e1000_enter
; out:      CF = 0
; clobbers: EAX, SI, EDI, flags
;---------------------------------------------------------------------------
e1000_stop:
        or      eax, -1
        mov     di, E1000_IMC
        call    e1000_put
        inc     eax
        mov     [rctl], eax
        mov     si, e1000_zeroed
.next:
        mov     di, [cs:si]
        call    e1000_put
        inc     si
        inc     si
        cmp     si, e1000_zeroed_end
        jb      .next
        mov     di, E1000_ICR
        call    e1000_get
        clc
        ret

RODATA nic_e1000
e1000_zeroed:
        dw      E1000_RCTL, E1000_TCTL
        dw      E1000_RDBAL, E1000_RDBAH, E1000_RDLEN, E1000_RDH, E1000_RDT
        dw      E1000_TDBAL, E1000_TDBAH, E1000_TDLEN, E1000_TDH, E1000_TDT
e1000_zeroed_end:

CODE nic_e1000
;---------------------------------------------------------------------------
; e1000_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
e1000_open:
        call    e1000_enter
        jc      .done
        call    e1000_stop
        push    ds
        pop     es
        xor     eax, eax
        mov     [rx_next], eax          ; and rx_used
        mov     [tx_next], eax          ; and rx_held, rx_partial
        mov     di, rx_ring
        mov     cx, (RX_RING * e1000_rx_size + TX_RING * e1000_tx_size) / 4
        rep stosd

        mov     di, rx_ring
        mov     eax, [nic_linear]
        add     eax, rx_buffers
        mov     cx, RX_RING
%if RX_LESS
        sub     cx, [nic_rx_less]
%endif
        mov     [rx_ring_end], cx
.rx:
        ; 82545 and 82546, first revision: no buffer across a 64 KiB line (erratum 23)
        mov     edx, eax
        add     dx, FRAME_BUFFER - 1
        jnc     .inside
        add     eax, FRAME_BUFFER - 1
        xor     ax, ax                  ; on the line; DS:0 is on a paragraph, so is this
.inside:
        mov     [di + e1000_rx.address], eax
        add     eax, FRAME_BUFFER
        add     di, e1000_rx_size
        loop    .rx
        mov     di, tx_ring
        mov     cl, TX_RING
.tx:
        mov     byte [di + e1000_tx.status], TXD_DD ; nothing is going out
        add     di, e1000_tx_size
        loop    .tx

        mov     eax, [nic_linear]
        add     eax, rx_ring
        mov     di, E1000_RDBAL
        call    e1000_put
        add     eax, tx_ring - rx_ring
        mov     di, E1000_TDBAL
        call    e1000_put
        mov     si, e1000_opened
.register:
        cs lodsw
        xchg    di, ax
        cs lodsd
        call    e1000_put
        cmp     si, e1000_opened_end
        jb      .register
        movzx   eax, word [rx_ring_end]
        shl     eax, 4
%if e1000_rx_size != 1 << 4
  %error e1000_open shifts by 4
%endif
        mov     di, E1000_RDLEN
        call    e1000_put
        call    e1000_filter            ; RCTL before RDT: QEMU gives a frame that waits to a
        movzx   eax, word [rx_ring_end] ; receiver that has buffers and is not enabled, and loses it
        dec     ax
        mov     di, E1000_RDT
        jmp     e1000_put
.done:
        ret

RODATA nic_e1000
%macro E1000_VALUE 2
        dw      %1
        dd      %2
%endmacro
e1000_opened:
        E1000_VALUE E1000_TDLEN, TX_RING * e1000_tx_size
        E1000_VALUE E1000_TIPG, TIPG_COPPER
        E1000_VALUE E1000_TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD
e1000_opened_end:

CODE nic_e1000

;---------------------------------------------------------------------------
; e1000_filter - station address, multicast table, receive control (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast
; out:      CF = 0, e1000_enter was called; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_filter:
        call    e1000_enter
        jc      .done
        mov     si, nic_mac
        call    e1000_show_address
        xor     eax, eax
        mov     di, E1000_MTA
.clear:
        cmp     di, E1000_RAL0          ; the address in use is not cleared for a moment
        jne     .zero
        add     di, 2 * 4
.zero:
        call    e1000_put
        add     di, 4
        cmp     di, E1000_RA_END
        jb      .clear

        mov     si, nic_mcast
        mov     cx, [nic_mcast_count]
        jcxz    .control
.group:
        mov     ax, [si + 4]
        shr     ax, 4                   ; the upper 12 of the last 16 bits: RCTL.MO = 0
        xor     edx, edx
        bts     edx, eax                ; modulo 32
        xchg    di, ax
        shr     di, 5
        shl     di, 2
        add     di, E1000_MTA
        push    di
        call    e1000_get
        pop     di
        or      eax, edx
        call    e1000_put
        add     si, MAC_SIZE
        loop    .group
.control:
        mov     eax, RCTL_EN | RCTL_SECRC ; buffers of 2048 bytes; LPE off: 1522 at most are used
        mov     cl, [nic_filter]
        test    cl, FLTR_BROADCAST
        jz      .directed
        or      ah, RCTL_BAM >> 8
.directed:
        test    cl, FLTR_PROMISCUOUS
        jz      .write
        or      eax, RCTL_UPE | RCTL_MPE | RCTL_BAM
.write:
        cmp     eax, [rctl]
        je      .done                   ; CF = 0
        mov     [rctl], eax
        mov     di, E1000_RCTL
        jmp     e1000_put
.done:
        ret

;---------------------------------------------------------------------------
; e1000_close - stop (driver.inc)
; in:       nic_permanent_mac
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_close:
        call    e1000_enter
        jc      .done
        call    e1000_tx_wait           ; the last frame; what is stuck is given up
        call    e1000_stop
        mov     cx, RESET_MS            ; a frame that is coming in is written to the end
        call    timer_wait
        mov     si, nic_permanent_mac
        jmp     e1000_show_address
.done:
        ret

;---------------------------------------------------------------------------
; e1000_link - is there a link? (driver.inc)
; in:       nothing
; out:      CF = 0, ZF = 1: no link; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_link:
        call    e1000_enter
        jc      .done
        mov     di, E1000_STATUS
        call    e1000_get
        test    al, STATUS_LU           ; CF = 0
.done:
        ret

;---------------------------------------------------------------------------
; e1000_tx_wait - wait until the frame that was queued last has gone out
; in:       tx_next
; out:      CF = 0, SI = index, DI = descriptor of the next frame; CF = 1: it does not go out
; clobbers: EAX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
e1000_tx_wait:
        mov     si, [tx_next]
        lea     di, [si - 1]
        and     di, TX_RING - 1
        call    .descriptor
        test    byte [di + e1000_tx.status], TXD_DD
        jnz     .free
        mov     cx, TX_MS
        call    timer_start
.wait:
        test    byte [di + e1000_tx.status], TXD_DD
        jnz     .free
        call    timer_expired
        jnc     .wait
        ret
.free:
        mov     di, si
.descriptor:
        shl     di, 4
%if e1000_tx_size != 1 << 4
  %error e1000_tx_wait shifts by 4
%endif
        add     di, tx_ring             ; CF = 0
        ret

;---------------------------------------------------------------------------
; e1000_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_transmit:
        call    e1000_enter
        jc      .done
        push    si
        push    cx
        call    e1000_tx_wait
        pop     cx
        pop     dx
        mov     ax, UNDI_TRANSMIT_ERROR
        jc      .done
        movzx   eax, dx
        add     eax, [nic_linear]
        mov     [di + e1000_tx.address], eax
        mov     [di + e1000_tx.length], cx
        mov     word [di + e1000_tx.cso], (TXD_EOP | TXD_IFCS | TXD_RS) << 8 ; cso 0, command
        mov     byte [di + e1000_tx.status], 0
        inc     si
        and     si, TX_RING - 1
        mov     [tx_next], si
        mov     byte [rx_looks], 1
        movzx   eax, si
        mov     di, E1000_TDT
        jmp     e1000_put
.done:
        ret

;---------------------------------------------------------------------------
; e1000_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_receive:
        mov     dx, RX_RING             ; a storm of bad frames must not hold us
.next:
        call    e1000_give_back
        mov     di, [rx_next]
        shl     di, 4
%if e1000_rx_size != 1 << 4
  %error e1000_receive shifts by 4
%endif
        add     di, rx_ring
        mov     ax, word [di + e1000_rx.status] ; AH = errors
        test    al, RXD_DD
        jz      .none
        inc     byte [rx_held]
        test    al, RXD_EOP
        jz      .partial
        test    ah, RXD_ERRORS
        jnz     .bad
        cmp     byte [rx_partial], 0
        jne     .bad                    ; its beginning was dropped
        mov     cx, [di + e1000_rx.length]
        mov     esi, [di + e1000_rx.address]
        sub     esi, [nic_linear]       ; CF = 0
        ret
.partial:
        mov     byte [rx_partial], 1
        jmp     .drop
.bad:
        mov     byte [rx_partial], 0
.drop:
        dec     dx
        jnz     .next
.none:
        stc
        ret

;---------------------------------------------------------------------------
; e1000_give_back - return the descriptor whose frame the client has had
; in:       rx_held
; out:      nothing
; clobbers: EAX, EBX, CX, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_give_back:
        xor     ax, ax
        xchg    al, [rx_held]
        test    al, al
        jz      .nothing
        mov     byte [rx_looks], 1
        mov     di, [rx_next]
        mov     cx, di
        shl     di, 4
        mov     byte [di + rx_ring + e1000_rx.status], 0
        inc     cx
        cmp     cx, [rx_ring_end]
        jb      .advance
        xor     cx, cx
.advance:
        mov     [rx_next], cx
        inc     word [rx_used]
.tail:
        cmp     word [rx_used], E1000_RX_BATCH
        jb      .done
.tell:
        call    e1000_enter
        jc      .done                   ; later, in a mode in which we can
        mov     word [rx_used], 0
        movzx   eax, word [rx_next]
        dec     ax
        jns     .write
        mov     ax, [rx_ring_end]
        dec     ax
.write:
        mov     di, E1000_RDT
        jmp     e1000_put
.nothing:
        cmp     byte [rx_looks], 0
        je      .tail
        inc     byte [rx_looks]
        jz      .tell                   ; also where it is as it was: that makes QEMU look at its sockets, for
        jmp     .tail                   ; which a new connection of its user network waits
.done:
        ret

;---------------------------------------------------------------------------
; e1000_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nothing
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
E1000_INTERRUPTS equ INT_TXDW | INT_RXDMT0 | INT_RXO | INT_RXT0
e1000_irq_enable:
        call    e1000_enter
        jc      .done
        mov     eax, E1000_INTERRUPTS
        mov     di, E1000_IMS
        jmp     e1000_put
.done:
        ret

;---------------------------------------------------------------------------
; e1000_irq_disable - no interrupts (driver.inc)
; in:       nothing
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_irq_disable:
        call    e1000_enter
        jc      .done
        or      eax, -1
        mov     di, E1000_IMC
        jmp     e1000_put
.done:
        ret

;---------------------------------------------------------------------------
; e1000_irq_check - is the interrupt ours? (driver.inc)
; in:       nothing
; out:      CF = 0, ZF = 0: yes, acknowledged; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_irq_check:
        call    e1000_enter
        jc      .done
        mov     di, E1000_ICR
        call    e1000_get
        test    al, E1000_INTERRUPTS    ; CF = 0
.done:
        ret

;---------------------------------------------------------------------------
; e1000_statistics - what the adapter counted (driver.inc)
; in:       nothing
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
e1000_statistics:
        call    e1000_enter
        jc      .done
        mov     di, E1000_CRCERRS
        call    e1000_get
        add     [stat_rx_crc], eax
        mov     di, E1000_MPC
        call    e1000_get
        add     [stat_rx_resource], eax
        clc
.done:
        ret
