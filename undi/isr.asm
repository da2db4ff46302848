; Opcode UNDI_ISR: received frames and completions, by interrupt or by polling (PXE 2.1, 4.3.21).
;
; A client that polls must not be left with an interrupt line that nobody acknowledges, so the
; adapter's interrupt is enabled only where the client can take it: when its line is open at the
; interrupt controller at UNDI_OPEN.
%include "driver.inc"

global api_isr:function
global irq_start:function
global irq_forget:function
extern undi_state, tx_pending

PIC1_MASK       equ 0x21
PIC2_MASK       equ 0xA1
PACKET_DIRECTED equ 0           ; p_isr.pkt_type
PACKET_BROADCAST equ 1
PACKET_MULTICAST equ 2

BSS api_isr
irq_used:       resb 1          ; the client takes interrupts
irq_enabled:    resb 1          ; the adapter may raise one now

CODE api_isr
;---------------------------------------------------------------------------
; irq_start - after opening: enable the interrupt if the client takes it
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
irq_start:
        call    irq_forget
        movzx   cx, byte [nic_irq]
        jcxz    .done
        in      al, PIC2_MASK
        mov     ah, al
        in      al, PIC1_MASK
        bt      ax, cx
        jc      .done                   ; masked: the client polls
        inc     byte [irq_used]
        call    irq_again
.done:
        ret

;---------------------------------------------------------------------------
; irq_again - let the adapter interrupt again, if the client takes it
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
;---------------------------------------------------------------------------
irq_again:
        mov     al, [irq_used]
        cmp     al, [irq_enabled]
        je      .done
        mov     [irq_enabled], al
        NIC_CALL irq_enable
        jnc     .done
        mov     byte [irq_enabled], 0   ; the next round tries again
.done:
        ret

;---------------------------------------------------------------------------
; irq_forget - the adapter is closed and raises no interrupt
; in:       nothing
; out:      nothing
; clobbers: flags
;---------------------------------------------------------------------------
irq_forget:
        mov     byte [irq_used], 0
        mov     byte [irq_enabled], 0
        ret

;---------------------------------------------------------------------------
; api_isr - opcode UNDI_ISR
; in:       ES:DI = p_isr
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
; PROCESS without START before it is what polling clients do (and winBoot/i).
api_isr:
        push    es
        push    di
        mov     ax, [es:di + p_isr.func_flag]
        dec     ax
        jz      .start
        dec     ax
        cmp     ax, ISR_IN_GET_NEXT - ISR_IN_PROCESS
        ja      .wrong
        cmp     byte [undi_state], UNDI_OPENED
        jne     .done
        cmp     byte [tx_pending], 0
        jne     .transmitted
        NIC_CALL receive
        jnc     .received
        call    irq_again
.done:
        mov     cx, ISR_OUT_DONE
.ok:
        xor     ax, ax
.answer:
        pop     di
        pop     es
        mov     [es:di + p_isr.func_flag], cx
        ret
.transmitted:
        dec     byte [tx_pending]
        mov     cx, ISR_OUT_TRANSMIT
        jmp     .ok
.wrong:
        mov     cx, ISR_OUT_DONE
        mov     ax, UNDI_INVALID_PARAMETER
        jmp     .answer

.received:
        pop     di
        pop     es
        inc     dword [stat_rx_good]
        mov     word [es:di + p_isr.func_flag], ISR_OUT_RECEIVE
        mov     [es:di + p_isr.buffer_length], cx
        mov     [es:di + p_isr.frame_length], cx
        mov     word [es:di + p_isr.frame_header_length], eth_size
        mov     [es:di + p_isr.frame_off], si
        mov     [es:di + p_isr.frame_seg], ds
        mov     ax, [si + eth.type]
        mov     cl, P_IP
        cmp     ax, HTONS(ETHERTYPE_IP)
        je      .protocol
        mov     cl, P_ARP
        cmp     ax, HTONS(ETHERTYPE_ARP)
        je      .protocol
        mov     cl, P_RARP
        cmp     ax, HTONS(ETHERTYPE_RARP)
        je      .protocol
        mov     cl, P_OTHER
.protocol:
        mov     ch, PACKET_DIRECTED
        test    byte [si + eth.dest], 1
        jz      .packet
        mov     ch, PACKET_MULTICAST
        mov     eax, [si + eth.dest]
        and     ax, [si + eth.dest + 4]
        inc     eax
        jnz     .packet
        mov     ch, PACKET_BROADCAST
.packet:
        mov     [es:di + p_isr.prot_type], cx ; and pkt_type
        xor     ax, ax
        ret

.start:
        mov     cx, ISR_OUT_NOT_OURS
        cmp     byte [irq_enabled], 0
        je      .ok
        NIC_CALL irq_check
        mov     cx, ISR_OUT_NOT_OURS
        jc      .ok
        jz      .ok
        NIC_CALL irq_disable
        mov     byte [irq_enabled], 0
        mov     cx, ISR_OUT_OURS
        jmp     .ok
