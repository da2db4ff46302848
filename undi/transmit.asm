; Opcode UNDI_TRANSMIT: the pieces of a frame gathered and given to the driver (PXE 2.1, 4.3.9).
%include "driver.inc"

global api_transmit:function
global tx_pending:data
extern undi_state, adapter_open

%if TX_BUFFERS & TX_BUFFERS - 1
  %error api_transmit takes the buffers in turn by a mask
%endif
FRAME_MAX       equ ETH_MAX_FRAME + vlan_tag_size
POINTER_FAR     equ 1           ; tbd_block.pointer_type: segment and offset

BSS api_transmit
tx_turn:        resb 1          ; number of the buffer that the next frame goes to
tx_pending:     resb 1          ; frames whose completion UNDI_ISR has not reported

RODATA api_transmit
; by tbd protocol - 1
protocol_types: dw HTONS(ETHERTYPE_IP), HTONS(ETHERTYPE_ARP), HTONS(ETHERTYPE_RARP)

CODE api_transmit
;---------------------------------------------------------------------------
; api_transmit - opcode UNDI_TRANSMIT
; in:       ES:DI = p_transmit
; out:      AX = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, GS, flags
; needs:    as api_dispatch
;---------------------------------------------------------------------------
api_transmit:
        cmp     byte [undi_state], UNDI_OPENED
        je      .opened
        push    es                      ; some boot programs transmit without UNDI_OPEN
        push    di
        call    adapter_open
        pop     di
        pop     es
        test    ax, ax
        jnz     .done
.opened:
        mov     ax, [es:di + p_transmit.protocol] ; AH = xmit_flag
        lgs     si, [es:di + p_transmit.dest_off]
        push    dword [es:di + p_transmit.tbd_off]
        push    ds
        pop     es
        movzx   di, byte [tx_turn]
        imul    di, di, FRAME_BUFFER
        add     di, tx_buffers
        mov     dx, di                  ; DX = the frame, DI = its end so far
        movzx   bx, al
        dec     bx
        js      .pieces                 ; P_UNKNOWN: the client has made the header
        cmp     bx, P_RARP - P_IP
        ja      .wrong_protocol
        cmp     ah, XMT_DESTADDR
        je      .to_one
        or      eax, -1
        stosd
        stosw
        jmp     .source
.to_one:
        gs movsd
        gs movsw
.source:
        mov     si, nic_mac
        movsd
        movsw
        add     bx, bx
        mov     ax, [cs:bx + protocol_types]
        stosw
.pieces:
        pop     si
        pop     gs                      ; GS:SI = tbd
        mov     cx, [gs:si + tbd.immed_length]
        push    gs
        push    si
        lgs     si, [gs:si + tbd.xmit_off]
        call    frame_append
        pop     si
        pop     gs
        jc      .parameter
        mov     bp, [gs:si + tbd.block_count]
        cmp     bp, (tbd_size - tbd.blocks) / tbd_block_size
        ja      .parameter
        add     si, tbd.blocks
.block:
        dec     bp
        js      .gathered
        cmp     byte [gs:si + tbd_block.pointer_type], POINTER_FAR
        jne     .parameter
        mov     cx, [gs:si + tbd_block.length]
        push    gs
        push    si
        lgs     si, [gs:si + tbd_block.offset]
        call    frame_append
        pop     si
        pop     gs
        jc      .parameter
        add     si, tbd_block_size
        jmp     .block
.gathered:
        sub     di, dx
        cmp     di, eth_size
        jb      .parameter
        mov     cx, ETH_MIN_FRAME       ; some adapters do not pad, and none in QEMU does
        sub     cx, di
        jbe     .long_enough
        add     di, dx
        xor     ax, ax
        rep stosb
        sub     di, dx
.long_enough:
        mov     cx, di
        mov     si, dx
        NIC_CALL transmit
        jc      .done
        inc     byte [tx_turn]
        and     byte [tx_turn], TX_BUFFERS - 1
        inc     dword [stat_tx_good]
        inc     byte [tx_pending]
        xor     ax, ax
.done:
        ret
.wrong_protocol:
        pop     eax
.parameter:
        mov     ax, UNDI_INVALID_PARAMETER
        ret

;---------------------------------------------------------------------------
; frame_append - one more piece of the frame
; in:       GS:SI = bytes, CX = count; ES:DI = end of the frame, DX = its start
; out:      CF = 0, DI = new end; CF = 1: it would become too long
; clobbers: AX, CX, SI, DI, flags
;---------------------------------------------------------------------------
frame_append:
        mov     ax, di
        sub     ax, dx
        add     ax, cx
        jc      .done
        cmp     ax, FRAME_MAX + 1
        cmc
        jc      .done
        mov     ax, cx
        shr     cx, 2
        gs rep movsd
        mov     cx, ax
        and     cx, 3
        gs rep movsb
.done:
        ret
