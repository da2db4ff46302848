; VMware vmxnet3. Registers in memory above 1 MiB alone, so that it fails in virtual-8086 mode.
;
; Rings carry generation bits instead of heads and tails: an entry is valid when its bit is that of
; the round, which begins with 1 and changes at each wrap. What both sides share lies in one block
; that begins with a ring's alignment.
%include "driver.inc"
%include "undi/nic/vmxnet3.inc"

extern config_read, mmio_enter, timer_start, timer_expired, station_keep

TX_MS           equ 20
%if RX_FRAMES < VMX_RING
RX_POSTED       equ RX_FRAMES   ; receive buffers with the device
%else
RX_POSTED       equ VMX_RING - 1
%endif

; the block: offsets from its start
VMX_QUEUES      equ 0x300       ; on 128 bytes, transmit first
VMX_TX          equ 0x600
VMX_TX_DONE     equ VMX_TX + VMX_ALIGN
VMX_RX          equ VMX_TX_DONE + VMX_ALIGN
VMX_RX_DONE     equ VMX_RX + VMX_ALIGN
VMX_BLOCK       equ VMX_RX_DONE + VMX_ALIGN
%if VMX_QUEUES < vmxnet3_shared_size || VMX_TX < VMX_QUEUES + 2 * vmxnet3_queue_size
  %error the parts of the block overlap
%endif
%if VMX_RING * vmxnet3_desc_size > VMX_ALIGN || VMX_RING * vmxnet3_done_size > VMX_ALIGN
  %error a ring is longer than its room
%endif

TABLE nic, vmxnet3
istruc driver
        at driver.ids,          dw vmxnet3_ids
        at driver.speed,        dd 1000000000
        at driver.rx_count,     dw RX_POSTED - 1 ; one may be with the client
        DRIVER_ROUTINES vmxnet3
iend

RODATA nic_vmxnet3
vmxnet3_ids:    dd NIC_IDS_VMXNET3, 0

; a ring
struc vmx_ring
.index          resw 1          ; the next entry
.gen            resb 1          ; what its generation bit has to be
.bit            resb 1          ; that bit
endstruc
VMX_RING_BEGIN  equ 0x80800000  ; bit 31 of a dword, from its last byte; the first round has 1
VMX_TX_BEGIN    equ 0x40400000  ; bit 14, from the second byte
%if VMX_GEN != 31 || VMX_TX_GEN != 14
  %error VMX_RING_BEGIN and VMX_TX_BEGIN say other bits
%endif

BSS nic_vmxnet3
        alignb  16
vmx_room:       resb VMX_BLOCK + VMX_ALIGN - 16 ; DS:0 is on a paragraph
tx_ring:        resb vmx_ring_size
tx_done_ring:   resb vmx_ring_size
rx_ring:        resb vmx_ring_size
rx_done_ring:   resb vmx_ring_size
vmx_block:      resw 1          ; where the block is in vmx_room
tx_busy:        resb 1          ; a frame is going out
rx_held:        resb 1          ; the frame at rx_done_ring is with the client
vmx_end:

CODE nic_vmxnet3
;---------------------------------------------------------------------------
; vmxnet3_probe - find the registers, reset, read the address (driver.inc)
; in:       nic_bdf
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
vmxnet3_probe:
        mov     di, PCI_BAR0
        mov     si, nic_mmio2
        call    .window
        jc      .fail
        mov     di, PCI_BAR0 + 4
        mov     si, nic_mmio
        call    .window
        jc      .fail
        call    mmio_enter
        jc      .done
        mov     di, VMX_VRRS
        call    .version
        jz      .fail
        mov     di, VMX_UVRS
        call    .version
        jz      .fail
        call    vmxnet3_reset
        mov     eax, VMX_GET_MACH
        call    vmxnet3_command
        xchg    edx, eax
        mov     eax, VMX_GET_MACL
        call    vmxnet3_command
        call    station_keep
        jnc     .done
.fail:
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret
.window:                                ; memory, and the BIOS gave it an address
        call    config_read
        test    al, PCI_BAR_IO | PCI_BAR_64
        stc
        jnz     .done
        and     al, 0xF0
        mov     [si], eax
        cmp     eax, 1
        ret
.version:                               ; ZF = 1: not one that we know
        call    vmxnet3_get
        test    al, VMX_VERSION
        jz      .done
        xor     eax, eax
        inc     ax
        mov     [fs:ebx + edi], eax
        ret

;---------------------------------------------------------------------------
; vmxnet3_get - read a register
; in:       FS:EBX = VD, DI = register
; out:      EAX = value, EDI = register
; clobbers: EAX, EDI
;---------------------------------------------------------------------------
vmxnet3_get:
        movzx   edi, di
        mov     eax, [fs:ebx + edi]
        ret

;---------------------------------------------------------------------------
; vmxnet3_command - give a command
; in:       FS:EBX = VD, EAX = command
; out:      EAX = the answer
; clobbers: EAX
;---------------------------------------------------------------------------
vmxnet3_command:
        mov     [fs:ebx + VMX_CMD], eax
        mov     eax, [fs:ebx + VMX_CMD]
        ret

;---------------------------------------------------------------------------
; vmxnet3_show_address - what the adapter receives as its own
; in:       FS:EBX = VD, SI = MAC
; out:      nothing
; clobbers: EAX
;---------------------------------------------------------------------------
vmxnet3_show_address:
        mov     eax, [si]
        mov     [fs:ebx + VMX_MACL], eax
        movzx   eax, word [si + 4]
        mov     [fs:ebx + VMX_MACH], eax
        ret

;---------------------------------------------------------------------------
; vmxnet3_reset - everything stopped (driver.inc)
; in:       nic_mmio
; out:      CF = 0, FS:EBX = VD; CF = 1, AX = status
; clobbers: EAX, EBX, FS, flags
;---------------------------------------------------------------------------
vmxnet3_reset:
        call    mmio_enter
        jc      .done
        mov     eax, VMX_QUIESCE
        call    vmxnet3_command
        mov     eax, VMX_RESET
        call    vmxnet3_command
        xor     eax, eax                ; CF = 0
        mov     [fs:ebx + VMX_DSAL], eax
        mov     [fs:ebx + VMX_DSAH], eax
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_open - receive and transmit (driver.inc)
; in:       nic_mac, nic_filter, nic_mcast
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
;---------------------------------------------------------------------------
vmxnet3_open:
        call    vmxnet3_reset
        jc      .done
        call    vmxnet3_block
        mov     eax, [nic_linear]
        movzx   edx, word [vmx_block]
        add     eax, edx
        mov     [fs:ebx + VMX_DSAL], eax
        xor     eax, eax
        mov     [fs:ebx + VMX_DSAH], eax
        mov     eax, VMX_ACTIVATE
        call    vmxnet3_command
        test    eax, eax
        jnz     .fail
        mov     si, nic_mac             ; activation brings the address burnt in
        call    vmxnet3_show_address
        call    vmxnet3_irq_disable
        mov     edi, [nic_mmio2]
        movzx   eax, word [rx_ring + vmx_ring.index]
        mov     [fs:edi + VMX_RXPROD], eax
        jmp     vmxnet3_filter
.fail:
        call    vmxnet3_reset
        mov     ax, UNDI_CANNOT_INITIALIZE_NIC
        stc
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_block - the block as the device is to find it
; in:       nothing
; out:      vmx_block, empty rings, receive buffers with the device
; clobbers: EAX, CX, EDX, SI, DI, ES, flags
;---------------------------------------------------------------------------
vmxnet3_block:
        push    ds
        pop     es
        mov     di, vmx_room
        mov     cx, (vmx_end - vmx_room) / 4
        xor     eax, eax
        rep stosd
        mov     di, tx_ring
        mov     eax, VMX_TX_BEGIN
        stosd
        add     eax, eax
        stosd
        stosd
        stosd
%if VMX_RING_BEGIN != 2 * VMX_TX_BEGIN
  %error vmxnet3_block doubles VMX_TX_BEGIN
%endif

        mov     edx, [nic_linear]       ; EDX = physical address of DS:0
        lea     eax, [edx + vmx_room + VMX_ALIGN - 1]
        and     ax, -VMX_ALIGN
        sub     eax, edx
        mov     [vmx_block], ax
        xchg    si, ax
        mov     dword [si + vmxnet3_shared.magic], VMX_MAGIC
        mov     byte [si + vmxnet3_shared.driver_version], 1
        mov     byte [si + vmxnet3_shared.guest], VMX_GUEST
        mov     byte [si + vmxnet3_shared.versions], VMX_VERSION
        mov     byte [si + vmxnet3_shared.upt_versions], VMX_VERSION
        mov     word [si + vmxnet3_shared.queues_length], 2 * vmxnet3_queue_size
        mov     word [si + vmxnet3_shared.mtu], VMX_MTU
        mov     word [si + vmxnet3_shared.tx_queues], 1 | 1 << 8 ; and rx_queues
        mov     byte [si + vmxnet3_shared.irq_count], 1
        movzx   eax, si
        add     eax, edx                ; EAX = physical address of the block
        mov     [si + vmxnet3_shared.driver_data], eax
        mov     word [si + vmxnet3_shared.driver_data_length], vmxnet3_shared_size
        lea     ecx, [eax + VMX_QUEUES]
        mov     [si + vmxnet3_shared.queues], ecx

        lea     di, [si + VMX_QUEUES]
        add     eax, VMX_TX
        call    .queue
        add     di, vmxnet3_queue_size
        add     eax, VMX_RX - VMX_TX
        call    .queue

        lea     di, [si + VMX_RX]
        lea     eax, [edx + rx_buffers]
        mov     cx, RX_POSTED
        mov     [rx_ring + vmx_ring.index], cx
.rx:
        mov     [di + vmxnet3_desc.address], eax
        mov     dword [di + vmxnet3_desc.length], FRAME_BUFFER | 1 << VMX_GEN
        add     eax, FRAME_BUFFER
        add     di, vmxnet3_desc_size
        loop    .rx
        ret
.queue:                                 ; DI = descriptor of the queue, EAX = its ring
        mov     [di + vmxnet3_queue.ring], eax
        lea     ecx, [eax + VMX_TX_DONE - VMX_TX]
        mov     [di + vmxnet3_queue.done], ecx
        mov     byte [di + vmxnet3_queue.ring_count], VMX_RING
        mov     byte [di + vmxnet3_queue.done_count], VMX_RING
        mov     [di + vmxnet3_queue.driver_data], eax
        ret

;---------------------------------------------------------------------------
; vmxnet3_filter - what is received (driver.inc)
; in:       nic_filter, nic_mcast
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, CX, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_filter:
        call    mmio_enter
        jc      .done
        mov     di, [vmx_block]
        imul    cx, [nic_mcast_count], MAC_SIZE
        mov     [di + vmxnet3_shared.mcast_length], cx
        mov     eax, [nic_linear]
        add     eax, nic_mcast
        mov     [di + vmxnet3_shared.mcast], eax
        mov     al, VMX_RXM_UCAST | VMX_RXM_MCAST
        mov     cl, [nic_filter]
        test    cl, FLTR_BROADCAST
        jz      .directed
        or      al, VMX_RXM_BCAST
.directed:
        test    cl, FLTR_PROMISCUOUS
        jz      .write
        or      al, VMX_RXM_BCAST | VMX_RXM_ALL_MULTI | VMX_RXM_PROMISC
.write:
        mov     [di + vmxnet3_shared.rx_mode], al
        mov     eax, VMX_RX_MODE
        call    vmxnet3_command
        mov     eax, VMX_MAC_FILTERS
        call    vmxnet3_command
        clc
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_close - stop (driver.inc)
; in:       nic_permanent_mac
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, SI, DI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_close:
        call    mmio_enter
        jc      .done
        call    vmxnet3_tx_wait         ; the last frame; what is stuck is given up
        call    vmxnet3_reset
        mov     si, nic_permanent_mac
        call    vmxnet3_show_address    ; no flag changes
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_link - is there a link? (driver.inc)
; in:       nic_mmio
; out:      CF = 0, ZF = 1: no link; CF = 1, AX = status
; clobbers: EAX, EBX, FS, flags
;---------------------------------------------------------------------------
vmxnet3_link:
        call    mmio_enter
        jc      .done
        mov     eax, VMX_GET_LINK
        call    vmxnet3_command
        test    al, 1                   ; CF = 0
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_tx_wait - wait until the frame that was queued last has gone out
; in:       tx_busy
; out:      CF = 0; CF = 1: it does not go out
; clobbers: EAX, ECX, EDX, DI, flags
;---------------------------------------------------------------------------
vmxnet3_tx_wait:
        cmp     byte [tx_busy], 0       ; CF = 0
        je      .done
        mov     cx, TX_MS
        call    timer_start
.wait:
        mov     di, [tx_done_ring + vmx_ring.index]
        shl     di, 4
        add     di, [vmx_block]
        mov     al, [di + VMX_TX_DONE + vmxnet3_done.flags + 3]
        xor     al, [tx_done_ring + vmx_ring.gen]
        jns     .out
        call    timer_expired
        jnc     .wait
.done:
        ret
.out:
        mov     byte [tx_busy], 0
        mov     di, tx_done_ring
        ; fallthrough: the next entry

;---------------------------------------------------------------------------
; vmxnet3_advance - the next entry of a ring
; in:       DI = vmx_ring
; out:      CF = 0
; clobbers: AL, flags
;---------------------------------------------------------------------------
vmxnet3_advance:
        inc     word [di + vmx_ring.index]
        cmp     byte [di + vmx_ring.index], VMX_RING
        jb      .done
        mov     byte [di + vmx_ring.index], 0
        mov     al, [di + vmx_ring.bit]
        xor     [di + vmx_ring.gen], al
.done:
        clc
        ret

;---------------------------------------------------------------------------
; vmxnet3_transmit - send a frame (driver.inc)
; in:       SI = frame, CX = length
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_transmit:
        call    mmio_enter
        jc      .done
        push    cx
        call    vmxnet3_tx_wait
        pop     cx
        mov     ax, UNDI_TRANSMIT_ERROR
        jc      .done
        mov     di, [tx_ring + vmx_ring.index]
        shl     di, 4
%if vmxnet3_desc_size != 1 << 4 || vmxnet3_done_size != 1 << 4
  %error the vmxnet3 driver shifts by 4
%endif
        add     di, [vmx_block]
        movzx   esi, si
        add     esi, [nic_linear]
        mov     [di + VMX_TX + vmxnet3_desc.address], esi
        mov     word [di + VMX_TX + vmxnet3_desc.flags], VMX_TX_EOP | VMX_TX_CQ
        or      ch, [tx_ring + vmx_ring.gen]
        mov     [di + VMX_TX + vmxnet3_desc.length], cx ; the device's from here on
        inc     byte [tx_busy]
        mov     di, tx_ring
        call    vmxnet3_advance
        mov     edi, [nic_mmio2]
        movzx   eax, word [tx_ring + vmx_ring.index]
        mov     [fs:edi + VMX_TXPROD], eax ; CF = 0
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_receive - the next frame (driver.inc)
; in:       nothing
; out:      CF = 0, SI = frame, CX = length; CF = 1: none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_receive:
        mov     cx, RX_POSTED           ; a storm of bad frames must not hold us
.next:
        call    vmxnet3_give_back
        call    vmxnet3_rx_entry
        xor     al, [rx_done_ring + vmx_ring.gen]
        js      .none
        inc     byte [rx_held]
        mov     ax, [di + vmxnet3_done.index]
        and     ax, VMX_RX_SOP | VMX_RX_EOP
        cmp     ax, VMX_RX_SOP | VMX_RX_EOP
        jne     .drop                   ; longer than a buffer
        mov     ax, [di + vmxnet3_done.length]
        test    ax, VMX_RX_ERROR
        jnz     .drop
        and     ax, VMX_LENGTH
        xchg    cx, ax
        mov     esi, [si + vmxnet3_desc.address]
        sub     esi, [nic_linear]       ; CF = 0
        ret
.drop:
        loop    .next
.none:
        stc
        ret

;---------------------------------------------------------------------------
; vmxnet3_rx_entry - the next entry of the completion ring, and its descriptor
; in:       rx_done
; out:      DI = entry, SI = descriptor, AL = the byte with the generation
; clobbers: AX, SI, DI, flags
;---------------------------------------------------------------------------
vmxnet3_rx_entry:
        mov     di, [rx_done_ring + vmx_ring.index]
        shl     di, 4
        add     di, [vmx_block]
        add     di, VMX_RX_DONE
        mov     si, [di + vmxnet3_done.index]
        and     si, VMX_INDEX
        shl     si, 4
        add     si, [vmx_block]
        add     si, VMX_RX
        mov     al, [di + vmxnet3_done.flags + 3]
        ret

;---------------------------------------------------------------------------
; vmxnet3_give_back - the buffer of the frame that the client has had goes to the ring's end
; in:       rx_held
; out:      nothing
; clobbers: EAX, EBX, ESI, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_give_back:
        xor     ax, ax
        xchg    al, [rx_held]
        test    al, al
        jz      .done
        call    vmxnet3_rx_entry
        mov     esi, [si + vmxnet3_desc.address]
        mov     di, [rx_ring + vmx_ring.index]
        shl     di, 4
        add     di, [vmx_block]
        mov     [di + VMX_RX + vmxnet3_desc.address], esi
        movzx   eax, byte [rx_ring + vmx_ring.gen]
        shl     eax, 24
        mov     ax, FRAME_BUFFER
        mov     [di + VMX_RX + vmxnet3_desc.length], eax ; the device's from here on
        mov     di, rx_ring
        call    vmxnet3_advance
        mov     di, rx_done_ring
        call    vmxnet3_advance
        mov     di, [vmx_block]
        cmp     byte [di + VMX_QUEUES + vmxnet3_queue_size + vmxnet3_queue.update_producer], 0
        je      .done
        call    mmio_enter
        jc      .done                   ; later, in a mode in which we can
        mov     edi, [nic_mmio2]
        movzx   eax, word [rx_ring + vmx_ring.index]
        mov     [fs:edi + VMX_RXPROD], eax
.done:
        ret

;---------------------------------------------------------------------------
; vmxnet3_statistics - the adapter's counts are not asked for (driver.inc)
; in:       nothing
; out:      CF = 0
; clobbers: flags
;---------------------------------------------------------------------------
vmxnet3_statistics:
        clc
        ret

;---------------------------------------------------------------------------
; vmxnet3_irq_enable - interrupt on receive and transmit (driver.inc)
; in:       nic_mmio
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_irq_enable:
        xor     eax, eax
        jmp     vmxnet3_irq_mask

;---------------------------------------------------------------------------
; vmxnet3_irq_disable - no interrupts (driver.inc)
; in:       nic_mmio
; out:      CF = 0; CF = 1, AX = status
; clobbers: EAX, EBX, EDI, FS, flags
;---------------------------------------------------------------------------
vmxnet3_irq_disable:
        xor     eax, eax
        inc     ax
vmxnet3_irq_mask:                       ; fallthrough: EAX = 1: masked
        push    ax
        call    mmio_enter
        pop     bx
        jc      .done
        movzx   eax, bx
        mov     di, [vmx_block]
        mov     [di + vmxnet3_shared.irq_control], al
        mov     edi, [nic_mmio2]
        mov     [fs:edi + VMX_IMR], eax ; CF = 0
        mov     ebx, [nic_mmio]
.done:
        ret
%if VMX_IC_DISABLE != 1
  %error vmxnet3_irq_mask writes one value for both masks
%endif

;---------------------------------------------------------------------------
; vmxnet3_irq_check - is the interrupt ours? (driver.inc)
; in:       nic_mmio
; out:      CF = 0, ZF = 0: yes, acknowledged; CF = 1, AX = status
; clobbers: EAX, EBX, FS, flags
;---------------------------------------------------------------------------
vmxnet3_irq_check:
        call    mmio_enter
        jc      .done
        test    dword [fs:ebx + VMX_ICR], 1 ; CF = 0
.done:
        ret
