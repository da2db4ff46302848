; Virtio network device, modern (1.x) and legacy (0.9.5). Modern registers are reached through the
; window in PCI configuration space, legacy ones through I/O ports: both work in virtual-8086 mode,
; and wherever the BIOS has put the BARs.
;
; A legacy queue is as long as the device says: 256 entries, 12 KiB each. We use few of them, so that
; buffers stand in its gaps, and the second queue's descriptors begin behind the first one's used
; ring. So both kinds get on with the memory that an adapter with small rings needs (virtio_layout).
;
; The device has no filter unless one asks it through a third queue: that is done here.
%include "driver.inc"
%include "undi/nic/virtio.inc"

extern config_read, config_write, timer_start, timer_expired, filter_passes, station_keep

RESET_MS        equ 100
TX_MS           equ 20
TX_LOOKS        equ 500
TELL_LOOKS      equ 64          ; calls of virtio_notify
CAPS_MAX        equ 48          ; more do not fit into 256 bytes
; each buffer takes two descriptors, one for the header: legacy devices may insist on it
%if RX_FRAMES <= 8
QUEUE_SIZE      equ 16
%elif RX_FRAMES <= 16
QUEUE_SIZE      equ 32
%else
QUEUE_SIZE      equ 64
%endif

TABLE nic, virtio
istruc driver
        at driver.ids,          dw virtio_ids
        at driver.speed,        dd 1000000000
        at driver.rx_count,     dw RX_FRAMES - 1
        DRIVER_ROUTINES virtio
iend

; a register: port of the legacy device; capability, offset in it; bytes
struc vreg
.port           resb 1
.cap            resb 1
.offset         resb 1
.width          resb 1
endstruc

RODATA nic_virtio
virtio_ids:     dd NIC_IDS_VIRTIO, 0
vr_features:    db 0x00, VIRTIO_COMMON, 0x04, 4
vr_accepted:    db 0x04, VIRTIO_COMMON, 0x0C, 4
vr_size:        db 0x0C, VIRTIO_COMMON, 0x18, 2
vr_select:      db 0x0E, VIRTIO_COMMON, 0x16, 2
vr_status:      db 0x12, VIRTIO_COMMON, 0x14, 1
vr_isr:         db 0x13, VIRTIO_ISR_CAP, 0, 1
vr_link:        db 0x1A, VIRTIO_DEVICE, 6, 2
vr_notify:      db 0x10, VIRTIO_NOTIFY, 0, 2    ; by queue
                db 0x10, VIRTIO_WINDOW, 0, 2    ; its place in virtio_offset is free
vr_mac:                                         ; by byte
%assign byte_number 0
%rep MAC_SIZE
                db 0x14 + byte_number, VIRTIO_DEVICE, byte_number, 1
  %assign byte_number byte_number + 1
%endrep
; the legacy device's alone, the modern one's alone
vr_page:        db 0x08, 0, 0, 4
vr_feature_select: db 0, VIRTIO_COMMON, 0x00, 4
vr_accept_select: db 0, VIRTIO_COMMON, 0x08, 4
vr_enable:      db 0, VIRTIO_COMMON, 0x1C, 2
vr_notify_place: db 0, VIRTIO_COMMON, 0x1E, 2
vr_rings:       db 0, VIRTIO_COMMON, 0x20, 4    ; in the order of struc vq
                db 0, VIRTIO_COMMON, 0x28, 4
                db 0, VIRTIO_COMMON, 0x30, 4

; a queue: offsets of its parts in DS
struc vq
.desc           resw 1
.avail          resw 1
.used           resw 1
.head           resw 1          ; number of the first descriptor that is in use
.untold         resw 1          ; 1: the device was not told of what is available; more: it is told later
endstruc

BSS nic_virtio
virtio_offset:  resd VIRTIO_WINDOW + 1 ; by type of capability; 0: as the device gave it for VIRTIO_NOTIFY
virtio_multiplier: resd 1       ; from a queue's place to the offset of its notify register
rx_vq:          resb vq_size
tx_vq:          resb vq_size
queue_size:     resw 1
tx_most:        resw 1          ; frames that may be going out at once; a mask
tx_limit:       resw 1          ; of virtio_tx_wait
rx_places:      resw RX_FRAMES  ; buffers
rx_count:       resw 1
rx_end:         resw 1          ; of the room for rings and receive buffers
rx_seen:        resw 1          ; entries of the used ring that are done
rx_held:        resw 1          ; first descriptor of the frame that is with the client, + 1; 0 = none
window_register: resw 1         ; the vreg that the window shows, 0 = none
window_cap:     resb 1          ; register of the window's BAR number; 0: legacy device
virtio_found:   resb 1          ; types of capabilities, one bit each
virtio_bar:     resb VIRTIO_WINDOW + 1
link_known:     resb 1          ; the device has a link status
rx_header:      resb VIRTIO_HEADER ; nobody looks at it
tx_header:      resb VIRTIO_HEADER ; zeros: nothing is offloaded

CODE nic_virtio
;---------------------------------------------------------------------------
; virtio_probe - find the registers, reset, read the address, lay out the queues (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
virtio_probe:
        call    virtio_capabilities
        cmp     byte [window_cap], 0
        jne     .registers
        mov     di, PCI_BAR0
        call    config_read
        test    al, PCI_BAR_IO
        jz      .fail
        and     ax, ~3
        jz      .fail                   ; the BIOS gave it no address
        mov     [nic_io], ax
.registers:
        call    virtio_reset
        jc      .fail
        mov     si, vr_features
        call    virtio_get
        test    eax, VIRTIO_NET_STATUS
        setnz   [link_known]
        mov     bx, MAC_SIZE - 1
.byte:
        mov     si, bx
        shl     si, 2
%if vreg_size != 1 << 2
  %error virtio_probe shifts by 2
%endif
        add     si, vr_mac
        call    virtio_get
        mov     [bx + nic_permanent_mac], al
        dec     bx
        jns     .byte
        mov     eax, [nic_permanent_mac]
        mov     dx, [nic_permanent_mac + 4]
        call    station_keep
        jc      .fail

        mov     al, VIRTIO_QUEUE_TX
        call    virtio_queue_size
        xchg    cx, ax
        mov     al, VIRTIO_QUEUE_RX
        call    virtio_queue_size
        cmp     byte [window_cap], 0
        je      .legacy
        cmp     ax, cx                  ; as long as we like
        jb      .shorter
        xchg    cx, ax
.shorter:
        cmp     ax, QUEUE_SIZE
        jb      .size
        mov     ax, QUEUE_SIZE
        jmp     .size
.legacy:
        cmp     ax, cx
        jne     .fail
        cmp     ax, VIRTIO_SIZE_MAX
        ja      .fail
.size:
        cmp     ax, VIRTIO_SIZE_MIN
        jb      .fail
        call    virtio_layout
        jnc     .done
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret

;---------------------------------------------------------------------------
; virtio_capabilities - is it a modern device, and where are its registers?
; in:       nic_bdf
; out:      window_cap, virtio_bar, virtio_offset, virtio_multiplier; nic_io = 0
; clobbers: EAX, EBX, CX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_capabilities:
        xor     ax, ax
        mov     [nic_io], ax
        mov     [window_cap], ax        ; and virtio_found
        mov     di, PCI_COMMAND
        call    config_read
        bt      eax, PCI_STAT_CAPS
        jnc     .end
        mov     cx, CAPS_MAX            ; a list may run in a circle
        mov     di, PCI_CAPABILITIES
        call    config_read
.next:
        and     ax, 0xFC
        jz      .end
        xchg    di, ax
        mov     si, di                  ; SI = the capability
        call    config_read
        cmp     al, PCI_CAP_VENDOR
        jne     .skip
        push    eax
        shr     eax, 24
        xchg    bx, ax                  ; BX = type
        pop     eax
        cmp     bx, VIRTIO_WINDOW
        ja      .skip
        bts     [virtio_found], bx      ; the first of a type is the one to take
        jc      .skip
        push    ax
        call    .take
        pop     ax
.skip:
        mov     al, ah                  ; the next one
        loop    .next
.end:
        mov     al, [virtio_found]
        and     al, VIRTIO_CAPS
        cmp     al, VIRTIO_CAPS
        je      .modern
        mov     byte [window_cap], 0
.modern:
        ret
.take:
        lea     di, [si + virtio_pci_cap.bar]
        cmp     bl, VIRTIO_WINDOW
        jne     .registers
        xchg    ax, di
        mov     [window_cap], al
        ret
.registers:
        call    config_read
        mov     [bx + virtio_bar], al
        cmp     bl, VIRTIO_NOTIFY
        jne     .offset
        mov     [virtio_bar + VIRTIO_WINDOW], al
        lea     di, [si + virtio_pci_cap.data]
        call    config_read
        mov     [virtio_multiplier], eax
.offset:
        lea     di, [si + virtio_pci_cap.offset]
        call    config_read
        shl     bx, 2
        mov     [bx + virtio_offset], eax
        cmp     bl, VIRTIO_NOTIFY * 4
        jne     .taken
        mov     [virtio_offset], eax
.taken:
        ret

;---------------------------------------------------------------------------
; virtio_get - read a register
; in:       SI = vreg
; out:      EAX = value
; clobbers: EAX, EDX, DI, flags
;---------------------------------------------------------------------------
virtio_get:
        xor     eax, eax                ; the upper half of a short one
        stc
        jmp     virtio_access

;---------------------------------------------------------------------------
; virtio_put - write a register
; in:       SI = vreg, EAX = value
; out:      nothing
; clobbers: EDX, DI, flags
;---------------------------------------------------------------------------
virtio_put:
        clc
virtio_access:                          ; fallthrough: CF = read
        push    bx
        pushf
        mov     bl, [cs:si + vreg.width]
        movzx   di, byte [window_cap]
        test    di, di
        jnz     .window
        movzx   dx, byte [cs:si + vreg.port]
        add     dx, [nic_io]
        popf
        jc      .in
        shr     bl, 1
        jc      .out8
        dec     bl
        jz      .out16
        out     dx, eax
        jmp     .done
.out16:
        out     dx, ax
        jmp     .done
.out8:
        out     dx, al
        jmp     .done
.in:
        shr     bl, 1
        jc      .in8
        dec     bl
        jz      .in16
        in      eax, dx
        jmp     .done
.in16:
        in      ax, dx
        jmp     .done
.in8:
        in      al, dx
        jmp     .done

.window:
        cmp     si, [window_register]   ; the same as the last time, mostly vr_notify
        je      .there
        mov     [window_register], si
        push    eax
        push    bx
        movzx   bx, byte [cs:si + vreg.cap]
        movzx   eax, byte [bx + virtio_bar]
        call    config_write
        movzx   eax, byte [cs:si + vreg.offset]
        shl     bx, 2
        add     eax, [bx + virtio_offset]
        add     di, virtio_pci_cap.offset - virtio_pci_cap.bar
        call    config_write
        pop     bx
        movzx   eax, bl
        add     di, virtio_pci_cap.size - virtio_pci_cap.offset
        call    config_write
        pop     eax
.there:
        movzx   di, byte [window_cap]
        add     di, virtio_pci_cap.data - virtio_pci_cap.bar
        popf
        jc      .read
        call    config_write
        jmp     .done
.read:
        call    config_read
        shr     bl, 1                   ; only the register's bytes are new
        jc      .byte
        dec     bl
        jnz     .done
        movzx   eax, ax
        jmp     .done
.byte:
        movzx   eax, al
.done:
        pop     bx
        ret

;---------------------------------------------------------------------------
; virtio_queue_size - how long the device's queue may be
; in:       AL = queue
; out:      AX = entries, 0 = there is no such queue
; clobbers: EAX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_queue_size:
        cbw
        mov     si, vr_select
        call    virtio_put
        mov     si, vr_size
        jmp     virtio_get

;---------------------------------------------------------------------------
; virtio_layout - places of both queues and of the receive buffers in rx_buffers
; in:       AX = entries of a queue
; out:      CF = 0, rx_vq, tx_vq, rx_places, rx_count, nic_rx_count; CF = 1: no room
; clobbers: EAX, BX, CX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
; Per queue: descriptors (16 bytes each, from a page or paragraph on), available ring (6 + 2 each),
; on the next page or paragraph the used ring (6 + 8 each). The transmit queue's descriptors begin
; where the receive queue's used ring does; the first ones are never used.
virtio_layout:
        mov     [queue_size], ax
        xchg    cx, ax                  ; CX = entries, from here on
        mov     edx, 15                 ; EDX = alignment - 1
        cmp     byte [window_cap], 0
        jne     .align
        mov     dx, VIRTIO_PAGE - 1
.align:
%if RX_LESS
        imul    di, [nic_rx_less], FRAME_BUFFER
        neg     di
        add     di, rx_buffers_end
        mov     [rx_end], di
%else
        mov     word [rx_end], rx_buffers_end
%endif
        mov     word [rx_count], 0
        mov     di, rx_buffers          ; DI = first byte that is free
        mov     eax, [nic_linear]
        add     eax, rx_buffers
        add     eax, edx
        not     edx
        and     eax, edx
        not     edx
        sub     eax, [nic_linear]
        call    .fill

        mov     bx, rx_vq
        mov     word [bx + vq.head], 0
        mov     si, RX_FRAMES * 2 * virtq_desc_size
        call    .queue
        mov     bx, tx_vq
        mov     si, cx
        shr     si, 1
        inc     si                      ; behind the used ring: 6 + 8 * entries bytes
        mov     [bx + vq.head], si
        mov     di, TX_BUFFERS - 1
        cmp     cx, VIRTIO_SIZE_TX
        jae     .most
        mov     di, 1
.most:
        mov     [tx_most], di
        inc     di
        add     di, di                  ; two descriptors each
        add     si, di
        shl     si, 4
%if virtq_desc_size != 1 << 4
  %error virtio_layout shifts by 4
%endif
        call    .queue
        mov     di, cx
        shl     di, 3
        add     di, ax
        add     di, virtq_used_size + 2
        mov     ax, [rx_end]
        cmp     ax, di
        jc      .done
        call    .fill
        mov     ax, [rx_count]
        dec     ax                      ; one may be with the client
        mov     [nic_rx_count], ax
        clc
.done:
        ret
.queue:                                 ; BX = vq, AX = base, SI = bytes of descriptors; AX = used ring
        mov     [bx + vq.desc], ax
        mov     di, ax
        add     di, si
        push    ax
        mov     si, cx
        shl     si, 4
        add     ax, si
        mov     [bx + vq.avail], ax
        call    .fill
        add     ax, cx
        add     ax, cx
        add     ax, virtq_avail_size + 2
        mov     di, ax
        pop     si
        sub     ax, si
        add     ax, dx
        not     dx
        and     ax, dx
        not     dx
        add     ax, si
        mov     [bx + vq.used], ax
.fill:                                  ; buffers from DI up to AX
        push    bx
        push    dx
        mov     dx, ax
        sub     dx, di
        jb      .full
.more:
        sub     dx, FRAME_BUFFER
        jb      .full
        mov     bx, [rx_count]
        cmp     bx, RX_FRAMES
        jae     .full
        add     bx, bx
        cmp     bx, cx                  ; two descriptors each
        jae     .full
        mov     [bx + rx_places], di
        inc     word [rx_count]
        add     di, FRAME_BUFFER
        jmp     .more
.full:
        pop     dx
        pop     bx
        ret

;---------------------------------------------------------------------------
; virtio_reset - the device forgets its queues, the address burnt in is shown (driver.inc)
; in:       nic_io or window_cap
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_reset:
        xor     ax, ax
        mov     [window_register], ax
        mov     si, vr_status
        call    virtio_put
        mov     cx, RESET_MS
        call    timer_start
.wait:
        call    virtio_get
        test    al, al
        jz      .done                   ; CF = 0
        call    timer_expired
        jnc     .wait
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
.done:
        ret

;---------------------------------------------------------------------------
; virtio_open - receive and transmit (driver.inc)
; in:       nic_mac
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
virtio_open:
        call    virtio_reset
        jc      .done
        mov     al, VIRTIO_ACKNOWLEDGE
        call    virtio_put
        mov     al, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER
        call    virtio_put
        cmp     byte [window_cap], 0
        je      .low
        xor     eax, eax
        inc     ax
        mov     ecx, VIRTIO_VERSION_1 | VIRTIO_PLATFORM
        call    virtio_accept
        test    al, VIRTIO_VERSION_1
        jz      .fail
.low:
        xor     eax, eax
        mov     ecx, VIRTIO_NET_MAC | VIRTIO_NET_STATUS
        call    virtio_accept
        cmp     byte [window_cap], 0
        je      .legacy
        mov     si, vr_status
        mov     al, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK
        call    virtio_put
        call    virtio_get
        test    al, VIRTIO_FEATURES_OK
        jnz     .rings
.fail:
        call    virtio_reset
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret
.legacy:
        mov     bx, MAC_SIZE - 1        ; a modern device takes any address: it has no filter
.byte:
        mov     si, bx
        shl     si, 2
        add     si, vr_mac
        mov     al, [bx + nic_mac]
        call    virtio_put
        dec     bx
        jns     .byte
.rings:
        call    virtio_rings
        mov     bx, rx_vq
        call    virtio_queue
        mov     bx, tx_vq
        call    virtio_queue
        call    virtio_irq_disable
        mov     si, vr_status
        call    virtio_get
        or      al, VIRTIO_DRIVER_OK
        call    virtio_put
        clc
        ret

;---------------------------------------------------------------------------
; virtio_accept - negotiate 32 features
; in:       EAX = which: 0 the low ones, 1 the high ones of a modern device; ECX = those we know
; out:      EAX = those that are on
; clobbers: EAX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_accept:
        cmp     byte [window_cap], 0
        je      .selected
        mov     si, vr_feature_select
        call    virtio_put
        mov     si, vr_accept_select
        call    virtio_put
.selected:
        mov     si, vr_features
        call    virtio_get
        and     eax, ecx
        mov     si, vr_accepted
        jmp     virtio_put

;---------------------------------------------------------------------------
; virtio_rings - both queues as the device is to find them
; in:       what virtio_layout has set
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
virtio_rings:
        push    ds
        pop     es
        mov     di, rx_buffers
        mov     cx, [rx_end]
        sub     cx, di
        xor     ax, ax
        mov     [rx_seen], ax
        mov     [rx_held], ax
        mov     [tx_vq + vq.untold], ax
        inc     ax
        mov     [rx_vq + vq.untold], ax
        dec     ax
        shr     cx, 1
        rep stosw

        mov     al, VIRTQ_NO_INTERRUPT
        mov     di, [rx_vq + vq.avail]
        mov     [di + virtq_avail.flags], ax
        mov     di, [tx_vq + vq.avail]
        mov     [di + virtq_avail.flags], ax
        mov     di, [rx_vq + vq.desc]
        xor     bx, bx                  ; two for each buffer
.rx:
        mov     edx, VIRTQ_NEXT | VIRTQ_WRITE
        mov     ax, rx_header
        call    .header
        mov     dl, VIRTQ_WRITE
        mov     ax, [bx + rx_places]
        mov     cx, FRAME_BUFFER
        call    .descriptor
        inc     bx
        inc     bx
        mov     ax, bx
        shr     ax, 1
        cmp     ax, [rx_count]
        jb      .rx

        mov     di, [rx_vq + vq.avail]
        add     di, virtq_avail.idx
        stosw
        xchg    cx, ax
        xor     ax, ax
.available:
        stosw
        inc     ax
        inc     ax
        loop    .available

        mov     bx, [tx_vq + vq.head]
        mov     di, bx
        shl     di, 4
        add     di, [tx_vq + vq.desc]
        mov     si, [tx_most]
.tx:
        mov     dx, VIRTQ_NEXT
        mov     ax, tx_header
        call    .header
        inc     bx
        inc     bx
        add     di, virtq_desc_size     ; virtio_transmit fills it
        dec     si
        jns     .tx
        ret
.header:                                ; the next one, number BX + 1, is the frame's
        mov     cx, VIRTIO_HEADER
        cmp     byte [window_cap], 0
        jne     .modern
        mov     cl, VIRTIO_HEADER_LEGACY
.modern:
        shl     edx, 16
        lea     dx, [bx + 1]
        rol     edx, 16
.descriptor:                            ; AX = offset, CX = length, EDX = flags, next << 16
        movzx   eax, ax
        add     eax, [nic_linear]
        stosd
        xor     eax, eax
        stosd
        mov     ax, cx
        stosd
        mov     eax, edx
        stosd
        xor     edx, edx
        ret

;---------------------------------------------------------------------------
; virtio_queue - tell the device where a queue is
; in:       BX = vq
; out:      nothing
; clobbers: EAX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_queue:
        call    virtio_number
        push    ax
        mov     si, vr_select
        call    virtio_put
        pop     cx                      ; CL = queue
        cmp     byte [window_cap], 0
        je      .legacy
        mov     ax, [queue_size]
        mov     si, vr_size
        call    virtio_put
        push    bx
        mov     si, vr_rings
.ring:
        movzx   eax, word [bx]
        add     eax, [nic_linear]
        call    virtio_put              ; the upper half is 0 since the reset
        inc     bx
        inc     bx
        add     si, vreg_size
        cmp     si, vr_rings + 3 * vreg_size
        jb      .ring
        pop     bx
%if vq.desc != 0 || vq.avail != 2 || vq.used != 4
  %error virtio_queue takes the parts of a queue in their order
%endif
        mov     si, vr_notify_place
        call    virtio_get
        imul    eax, [virtio_multiplier]
        add     eax, [virtio_offset]
        mov     di, virtio_offset + VIRTIO_NOTIFY * 4
        test    cl, cl
        jz      .place
        mov     di, virtio_offset + VIRTIO_WINDOW * 4
.place:
        mov     [di], eax
        xor     eax, eax
        inc     ax
        mov     si, vr_enable
        jmp     virtio_put
.legacy:
        movzx   eax, word [bx + vq.desc]
        add     eax, [nic_linear]
        shr     eax, 12
%if VIRTIO_PAGE != 1 << 12
  %error virtio_queue shifts by 12
%endif
        mov     si, vr_page
        jmp     virtio_put

;---------------------------------------------------------------------------
; virtio_number - number of a queue
; in:       BX = vq
; out:      EAX = number
; clobbers: EAX, flags
;---------------------------------------------------------------------------
virtio_number:
        xor     eax, eax
        cmp     bx, tx_vq
        sete    al
        ret

;---------------------------------------------------------------------------
; virtio_notify - tell the device of what it was not told yet, if it wants to know
; in:       BX = vq
; out:      nothing
; clobbers: EAX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
; The device looks at the ring once more when it says that it wants to know. But its word may come while
; our index is still on its way to memory (virtio 1.1, 2.6.13.4.1). There is no barrier that is one
; everywhere: a 386 knows `lock` alone, which an emulator of one processor may leave out. So we look
; again in each round, until it was told or does not want to know.
virtio_notify:
        mov     al, [bx + vq.untold]
        dec     al
        js      .done
        jnz     .later
        call    virtio_left
        jz      .done
        test    byte [di + virtq_used.flags], VIRTQ_NO_NOTIFY
        jnz     .done
        mov     byte [bx + vq.untold], 0
        call    virtio_number
        mov     si, ax
        shl     si, 2
        add     si, vr_notify
        jmp     virtio_put
.later:
        mov     [bx + vq.untold], al
.done:
        ret

;---------------------------------------------------------------------------
; virtio_left - what the device has in a queue
; in:       BX = vq
; out:      AX = chains of descriptors that it has not done with, ZF = 1: none; DI = used ring
; clobbers: AX, DI, flags
;---------------------------------------------------------------------------
virtio_left:
        mov     di, [bx + vq.avail]
        mov     ax, [di + virtq_avail.idx]
        mov     di, [bx + vq.used]
        sub     ax, [di + virtq_used.idx]
        ret

;---------------------------------------------------------------------------
; virtio_offer - put a chain of descriptors into a queue
; in:       BX = vq, AX = number of the first descriptor
; out:      nothing
; clobbers: CX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_offer:
        mov     si, [bx + vq.avail]
        mov     cx, [si + virtq_avail.idx]
        mov     di, [queue_size]
        dec     di
        and     di, cx
        add     di, di
        add     di, si
        mov     [di + virtq_avail_size], ax
        inc     word [si + virtq_avail.idx]
        mov     byte [bx + vq.untold], 1
        ret

;---------------------------------------------------------------------------
; virtio_close - stop (driver.inc)
; in:       nothing
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, BX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_close:
        xor     ax, ax
        call    virtio_tx_wait          ; what is stuck is given up
        jmp     virtio_reset

;---------------------------------------------------------------------------
; virtio_link - is there a link? (driver.inc)
; in:       nothing
; out:      CF = 0, ZF = 1: no link
; clobbers: EAX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_link:
        mov     al, VIRTIO_LINK_UP
        cmp     byte [link_known], 0
        je      .test
        mov     si, vr_link
        call    virtio_get
.test:
        test    al, VIRTIO_LINK_UP      ; CF = 0
        ret

;---------------------------------------------------------------------------
; virtio_tx_wait - wait until frames have gone out
; in:       AX = how many may still be going out
; out:      CF = 0; CF = 1: they do not go out; BX = tx_vq
; clobbers: EAX, BX, ECX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_tx_wait:
        mov     [tx_limit], ax
        mov     bx, tx_vq
        call    .look
        jbe     .sent
        mov     cx, TX_MS
        call    timer_start
.wait:
        call    virtio_notify
        call    .look
        jbe     .sent
        call    timer_expired
        jnc     .wait
        ret
.sent:
        clc
        ret
.look:                                  ; for a while: each look at the timer stops an emulator's devices
        mov     cx, TX_LOOKS
.again:
        call    virtio_left
        cmp     ax, [tx_limit]
        jbe     .out
        loop    .again
.out:
        ret

;---------------------------------------------------------------------------
; virtio_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, BX, ECX, EDX, ESI, DI, flags
;---------------------------------------------------------------------------
; A device that has not done with the frame before looks at the ring again by itself, mostly: it is told
; of this one only where this one takes its time.
virtio_transmit:
        push    si
        push    cx
        mov     ax, [tx_most]
        dec     ax                      ; one buffer must be free behind this frame
        call    virtio_tx_wait
        pop     cx
        pop     si
        jc      .fail
        mov     di, [bx + vq.avail]
        mov     ax, [di + virtq_avail.idx]
        and     ax, [tx_most]
        add     ax, ax
        add     ax, [bx + vq.head]
        mov     di, ax
        inc     di                      ; behind the header
        shl     di, 4
        add     di, [bx + vq.desc]
        movzx   esi, si
        add     esi, [nic_linear]
        mov     [di + virtq_desc.address], esi
        mov     [di + virtq_desc.length], cx
        call    virtio_offer
        test    byte [si + virtq_avail.flags], VIRTQ_NO_INTERRUPT
        jz      .tell                   ; the client may wait for its interrupt and not ask before
        call    virtio_left
        dec     ax
        jz      .tell
        mov     byte [bx + vq.untold], TELL_LOOKS
.tell:
        call    virtio_notify
        clc
        ret
.fail:
        mov     ax, UNDI_TRANSMIT_ERROR
        ret

;---------------------------------------------------------------------------
; virtio_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, BX, CX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
; A frame may be shorter than 60 bytes: the device does not pad.
virtio_receive:
        mov     cx, RX_FRAMES           ; a storm of frames for others must not hold us
.next:
        push    cx
        xor     ax, ax
        xchg    ax, [rx_held]
        dec     ax
        js      .look
        inc     word [rx_seen]
        mov     bx, rx_vq
        call    virtio_offer
.look:
        call    .any
        jne     .some
        mov     bx, rx_vq               ; all that came is taken: now there is time to tell
        call    virtio_notify
        mov     bx, tx_vq
        call    virtio_notify
        call    .any
.some:
        pop     dx
        je      .none
        mov     bx, [queue_size]
        dec     bx
        and     bx, ax
        shl     bx, 3
%if virtq_used_elem_size != 1 << 3
  %error virtio_receive shifts by 3
%endif
        mov     cx, [bx + di + virtq_used_size + virtq_used_elem.length]
        mov     bx, [bx + di + virtq_used_size + virtq_used_elem.id]
        inc     bx
        mov     [rx_held], bx
        mov     si, [bx + rx_places - 1] ; two descriptors, two bytes: the numbers are the same
        sub     cx, VIRTIO_HEADER_LEGACY
        cmp     byte [window_cap], 0
        je      .length
        sub     cx, VIRTIO_HEADER - VIRTIO_HEADER_LEGACY
.length:
        lea     ax, [ecx - eth_size]    ; shorter ones wrap around
        cmp     ax, FRAME_BUFFER - eth_size + 1
        jae     .drop
        call    filter_passes
        jnc     .done
.drop:
        mov     cx, dx
        loop    .next
.none:
        stc
.done:
        ret
.any:                                   ; ZF = 0: there is a frame
        mov     di, [rx_vq + vq.used]
        mov     ax, [rx_seen]
        cmp     ax, [di + virtq_used.idx]
        ret

;---------------------------------------------------------------------------
; virtio_filter - station address, filter, multicast list: all in filter_passes (driver.inc)
; in:       nothing
; out:      CF = 0
; clobbers: flags
;---------------------------------------------------------------------------
virtio_filter:
virtio_statistics:                      ; fallthrough: the device counts nothing
        clc
        ret

;---------------------------------------------------------------------------
; virtio_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nothing
; out:      CF = 0
; clobbers: EAX, EDX, DI, flags
;---------------------------------------------------------------------------
; What has happened since the last irq_check raises the interrupt now: the ISR register still says so.
virtio_irq_enable:
        xor     ax, ax
        mov     di, [rx_vq + vq.avail]
        mov     [di + virtq_avail.flags], ax
        mov     di, [tx_vq + vq.avail]
        mov     [di + virtq_avail.flags], ax
        mov     di, PCI_COMMAND
        call    config_read
        btr     eax, PCI_CMD_NO_INTX
        jmp     virtio_irq_disable.write

;---------------------------------------------------------------------------
; virtio_irq_disable - no interrupts (driver.inc)
; in:       nothing
; out:      CF = 0
; clobbers: EAX, EDX, DI, flags
;---------------------------------------------------------------------------
; In PCI configuration space: the rings' flags are hints, and do not hold for a link that changes.
virtio_irq_disable:
        mov     di, PCI_COMMAND
        call    config_read
        bts     eax, PCI_CMD_NO_INTX
.write:
        movzx   eax, ax                 ; the status half clears by writing ones
        call    config_write
        clc
        ret

;---------------------------------------------------------------------------
; virtio_irq_check - is the interrupt ours? (driver.inc)
; in:       nothing
; out:      CF = 0, ZF = 0: yes, acknowledged
; clobbers: EAX, EDX, SI, DI, flags
;---------------------------------------------------------------------------
virtio_irq_check:
        mov     si, vr_isr
        call    virtio_get
        test    al, VIRTIO_ISR          ; CF = 0
        ret
