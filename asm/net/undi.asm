; The UNDI's client: everything the ROM knows of the adapter goes through the loader and the entry point
; of a !PXE, so that another vendor's UNDI can stand in the place of ours (PXE 2.1, 3 and 4.3).
;
; Of an UNDI only this is expected: DS, SS and SP survive a call. It is polled: the first UNDI_ISR
; of a round is PROCESS, the others are GET_NEXT, START never comes, and the adapter's line stays masked
; at the interrupt controller while it is opened.
%include "romgen.inc"
%include "undi_client.inc"
%if UNDI_BLOB || RX_LESS
  %include "net.inc"
%endif

global undi_open:function
global undi_close:function
global undi_receive:function
global undi_transmit:function
global undi_call:function
global net_mac:data
global net_tx_frame:data
global undi_entry:data
global undi_level:data
global undi_dead:data
global undi_block:data
global undi_rx_count:data
global undi_masked:function
global undi_clear:function
global undi_pxe:data
global undi_pxenv:data
%if UNDI_BLOB || RX_LESS
global undi_window:data
%endif

extern boot_code
extern error_detail
extern ev_laa, ev_link_delay
extern time_now
extern undi_cs_seg, undi_ds_seg
%if RX_LESS
extern memory_rx_less
extern undi.nic_rx_less
global undi_window_frames
undi_window_frames equ TCP_WINDOW_FRAMES
%endif

BSS undi
undi_entry:     resd 1          ; the !PXE's entry point, 0 = none
undi_pxe:       resd 1          ; far pointers to the UNDI's structures
undi_pxenv:     resd 1
undi_block:     resb UNDI_BLOCK ; parameters of the call, status first
undi_tbd:       resb tbd_size
undi_result:    resw 1          ; AX of the last call
undi_function:  resw 1          ; of the next UNDI_ISR
undi_rx_count:  resw 1          ; receive buffers, as the UNDI says
undi_bdf:       resw 1
net_mac:        resb 6
undi_level:     resb 1
undi_dead:      resb 1          ; 1 = in this mode of the processor the adapter cannot be reached
        alignb  4
net_tx_frame:   resb UNDI_TX_FRAME
%if UNDI_BLOB || RX_LESS
undi_window:    resd 1          ; frames that TCP may ask for at once
%endif
%if UNDI_BLOB
undi_collected: resw 1          ; bytes in undi_pieces
undi_pieces:    resb UNDI_FRAME_MAX     ; a frame that comes in pieces
%endif

INITCODE undi
;---------------------------------------------------------------------------
; undi_open - load the UNDI, wait for the link, receive and transmit
; in:       BX = bus/dev/fn
; out:      CF = 0, net_mac; CF = 1, AX = error number, error_detail = PXE status; then undi_close
;           undoes what was done
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; undi_cs_seg, undi_ds_seg; the whole ROM, so before the BCV returns
;---------------------------------------------------------------------------
undi_open:
        mov     [undi_bdf], bx
        mov     word [undi_function], ISR_IN_PROCESS
        call    undi_load
        jc      .fail
        call    undi_adapter_block
        mov     bx, OP_START_UNDI
        call    undi_call
        mov     ax, ERR_UNDI_START
        jc      .fail
        mov     byte [undi_level], UNDI_RUNS
        call    undi_clear
        mov     bl, OP_STARTUP
        call    undi_call
        mov     ax, ERR_UNDI_STARTUP
        jc      .fail

        movzx   ecx, word [ev_link_delay]
        imul    ecx, ecx, 1000
        call    time_now
        lea     ebp, [eax + ecx + UNDI_LINK_MS] ; when the link must be there
.link:
        call    undi_clear
        mov     bl, OP_INITIALIZE
        call    undi_call
        jnc     .initialized
        call    time_now
        mov     edx, eax
        sub     eax, ebp
        jns     .no_link
        add     edx, UNDI_RETRY_MS
.pause:
        call    time_now
        sub     eax, edx
        js      .pause
        jmp     .link
.no_link:
        mov     ax, ERR_LINK_DOWN
        cmp     word [undi_block], UNDI_MEDIATEST_FAILED
        je      .fail
        mov     ax, ERR_UNDI_INITIALIZE
.fail:
        movzx   edx, word [undi_block]
        mov     [error_detail], edx
        stc
        ret

.initialized:
        mov     byte [undi_level], UNDI_READY
        call    undi_clear
        mov     bl, OP_GET_INFORMATION
        call    undi_call
        mov     ax, ERR_UNDI_INFORMATION
        jc      .fail
        cmp     word [undi_block + p_information.hw_addr_len], 6
        stc
        jne     .fail
        mov     ax, [undi_block + p_information.rx_buf_count]
        mov     [undi_rx_count], ax
%if UNDI_BLOB
        cmp     ax, 1
        adc     ax, 0                   ; one at least
        cmp     ax, TCP_WINDOW_FRAMES
        jbe     .window
        mov     ax, TCP_WINDOW_FRAMES
.window:
        mov     [undi_window], ax
%endif
%if RX_LESS
        mov     ax, TCP_WINDOW_FRAMES
        sub     ax, [memory_rx_less]
        mov     [undi_window], ax
%endif
        mov     bp, [undi_block + p_information.int_number]
        mov     si, undi_block + p_information.current_address
        mov     di, net_mac
        movsd                           ; ES = DS since undi_clear
        movsw
        mov     si, ev_laa
        mov     eax, [si]
        movzx   edx, word [si + 4]
        or      edx, eax
        jz      .own                    ; none given
        sub     di, 6
        movsd
        movsw
.own:
        call    undi_clear
        mov     si, net_mac
        mov     di, undi_block + p_set_station.address
        movsd
        movsw
        mov     bl, OP_SET_STATION_ADDRESS ; some need to be told their own, others fail it
        call    undi_call
        jnc     .open
        mov     si, net_mac
        mov     di, ev_laa
        cmpsd
        jne     .open
        cmpsw
        mov     ax, ERR_UNDI_STATION
        stc
        je      .fail
.open:
        call    undi_clear
        mov     word [undi_block + p_open.filter], FLTR_DIRECTED | FLTR_BROADCAST
        mov     bl, OP_OPEN
        call    undi_masked
        mov     ax, ERR_UNDI_OPEN
        jc      .fail
        mov     byte [undi_level], UNDI_OPEN
        ret

%if WITH_PXE
CODE undi
%endif
;---------------------------------------------------------------------------
; undi_masked - a call with the adapter's line masked at the interrupt controller
; in:       BX = opcode; BP = interrupt line, others than 1..15 = none
; out:      CF = 0; CF = 1: failure
; clobbers: AX, BP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; An UNDI enables the adapter's interrupt when it is opened. Nobody would acknowledge it. Ours looks
; whether the line is masked; with others it was masked by the BIOS and stays so.
undi_masked:
        dec     bp
        cmp     bp, 15
        jae     undi_call
        inc     bp
        in      al, PIC2_MASK
        mov     ah, al
        in      al, PIC1_MASK
        push    ax
        bts     ax, bp
        call    .set
        call    undi_call
        pop     ax
.set:
        out     PIC1_MASK, al           ; no flag changes
        mov     al, ah
        out     PIC2_MASK, al
        ret

%if WITH_PXE
INITCODE undi
%endif
;---------------------------------------------------------------------------
; undi_load - put the UNDI into its memory
; in:       undi_bdf, undi_cs_seg, undi_ds_seg
; out:      CF = 0, undi_entry; CF = 1, AX = error number, undi_block = status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
undi_load:
        call    undi_adapter_block
        mov     ax, [undi_cs_seg]
        mov     [undi_block + p_loader.undi_cs], ax
        mov     ax, [undi_ds_seg]
        mov     [undi_block + p_loader.undi_ds], ax
        mov     bx, [cs:rom_header.undi_rom_id]
        pushf
        push    fs
        push    gs
        push    ds
        push    word undi_block
        push    cs                      ; of the frame: the loader returns to
        push    .loaded
        push    word [boot_code]
        push    word [cs:bx + undi_rom_id.loader]
        retf
.loaded:
        add     sp, 4
        pop     gs
        pop     fs
        popf                            ; IF and DF as before
        test    ax, ax
        mov     ax, ERR_UNDI_LOADER
        stc
        jnz     .done
        mov     eax, [undi_block + p_loader.pxenv_off]
        mov     [undi_pxenv], eax
        mov     eax, [undi_block + p_loader.pxe_off]
        mov     [undi_pxe], eax
%if RX_LESS
        mov     es, [undi_ds_seg]
        mov     ax, [memory_rx_less]
        mov     [es:undi.nic_rx_less], ax
%endif
        les     di, [undi_pxe]
        cmp     dword [es:di + pxe.signature], '!PXE'
        jne     .no_pxe
        mov     si, di
        movzx   cx, byte [es:si + pxe.length]
        cmp     cl, pxe.undi_data       ; what we read lies below
        jb      .no_pxe
        mov     al, 0
.sum:
        add     al, [es:si]
        inc     si
        loop    .sum
        test    al, al
        jnz     .no_pxe
        mov     eax, [es:di + pxe.entry_sp]
        mov     [undi_entry], eax
        mov     byte [undi_level], UNDI_LOADED
        ret                             ; CF = 0
.no_pxe:
        mov     ax, ERR_UNDI_PXE
        stc
.done:
        ret

;---------------------------------------------------------------------------
; undi_adapter_block - parameters that say which adapter: START_UNDI and the loader begin alike
; in:       undi_bdf
; out:      ES = DS
; clobbers: AX, CX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
undi_adapter_block:
        call    undi_clear
        mov     ax, [undi_bdf]
        mov     [undi_block + p_start.ax], ax
        or      ax, -1                  ; no ISA Plug and Play card
        mov     [undi_block + p_start.bx], ax
        mov     [undi_block + p_start.dx], ax
%if UNDI_BLOB
        call    undi_pnp
%endif
%if p_start.ax != p_loader.ax || p_start.bx != p_loader.bx || p_start.dx != p_loader.dx
  %error p_start and p_loader differ
%endif
        ret

%if UNDI_BLOB
;---------------------------------------------------------------------------
; undi_pnp - parameters: the BIOS's $PnP structure, by which some UNDIs know that there is a BIOS
; in:       nothing
; out:      undi_block
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
undi_pnp:
        push    es
        push    PNP_SEGMENT
        pop     es
        xor     di, di
.next:
        cmp     dword [es:di + pnp.signature], '$PnP'
        je      .found
        add     di, 16
        jnz     .next
        jmp     .done
.found:
        mov     [undi_block + p_start.di], di
        mov     [undi_block + p_start.es], es
%if p_start.di != p_loader.di || p_start.es != p_loader.es
  %error p_start and p_loader differ
%endif
.done:
        pop     es
        ret
%endif

CODE undi
;---------------------------------------------------------------------------
; undi_clear - empty parameter block
; in:       nothing
; out:      undi_block is zero, ES = DS, BH = 0
; clobbers: AX, BX, CX, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
undi_clear:
        push    ds
        pop     es
        mov     di, undi_block
        mov     cx, UNDI_BLOCK / 2
        xor     ax, ax
        mov     bh, al
        rep stosw
        ret

;---------------------------------------------------------------------------
; undi_call - call the UNDI
; in:       BX = opcode; undi_block = parameters
; out:      CF = 0; CF = 1: failure, or there is no UNDI; undi_block = status
; clobbers: flags
; needs:    DS = SS = DGROUP; 1.5 KiB of stack for other vendors' UNDI
;---------------------------------------------------------------------------
undi_call:
        cmp     word [undi_entry + 2], 1
        jb      .done                   ; CF = 1
%if UNDI_BLOB
        ; Many switch to protected mode themselves, which nobody can in virtual-8086 mode. Not privileged:
        push    ax
        smsw    ax
        test    al, CR0_PE
        pop     ax
        jnz     .refuse
%endif
        pushf
        pushad
        push    es
        push    fs
        push    gs
        push    ds
        push    word undi_block
        push    bx
        push    ds
        pop     es
        mov     di, undi_block          ; where the PXENV+ convention has it, and BX: some are confused
        call    far [undi_entry]
        add     sp, 6
        pop     gs
        pop     fs
        pop     es
        mov     [undi_result], ax
        popad
        popf                            ; IF, which some change, and DF
        cmp     word [undi_result], 1
        cmc
.done:
        ret
%if UNDI_BLOB
.refuse:
        mov     word [undi_block], UNDI_INVALID_STATE
        stc
        ret
%endif

;---------------------------------------------------------------------------
; undi_receive - the next frame
; in:       nothing
; out:      CF = 0, ES:SI = frame, CX = length, valid until the next call of the UNDI; CF = 1: none
; clobbers: AX, BX, CX, DX, SI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; Ours gives whole frames; of another vendor's UNDI the pieces are collected. What VMware sometimes
; answers is dropped: a length of 0.
undi_receive:
        mov     dx, UNDI_ROUND
        mov     bx, OP_ISR
        cmp     byte [undi_level], UNDI_OPEN
        jne     .done
.next:
        mov     ax, [undi_function]
        mov     [undi_block + p_isr.func_flag], ax
        call    undi_call
        jc      .done
        mov     word [undi_function], ISR_IN_GET_NEXT
        mov     ax, [undi_block + p_isr.func_flag]
        cmp     ax, ISR_OUT_TRANSMIT
        je      .again
        cmp     ax, ISR_OUT_RECEIVE
        jne     .done
        mov     cx, [undi_block + p_isr.buffer_length]
%if UNDI_BLOB
        call    undi_collect
        jc      .again
%else
        cmp     cx, [undi_block + p_isr.frame_length]
        jne     .again
%endif
        lea     ax, [ecx - eth_size]    ; shorter ones wrap around
        cmp     ax, UNDI_FRAME_MAX - eth_size + 1
        jae     .again
        les     si, [undi_block + p_isr.frame_off]
        clc
        ret
.again:
        dec     dx
        jnz     .next
        stc                             ; the caller must get on; the round does
        ret
.done:
        mov     word [undi_function], ISR_IN_PROCESS
        stc
        ret

%if UNDI_BLOB
;---------------------------------------------------------------------------
; undi_collect - put the pieces of a frame together
; in:       CX = bytes that UNDI_ISR has shown; undi_block
; out:      CF = 0: a whole frame, CX = its length, undi_block = where it is; CF = 1: not yet, or too long
; clobbers: AX, CX, SI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
undi_collect:
        xor     ax, ax
        xchg    ax, [undi_collected]
        cmp     cx, [undi_block + p_isr.frame_length]
        je      .done                   ; in one; what was begun is lost
        push    di
        push    cx
        add     cx, ax
        jc      .drop
        cmp     cx, UNDI_FRAME_MAX
        ja      .drop
        cmp     cx, [undi_block + p_isr.frame_length]
        ja      .drop
        mov     [undi_collected], cx
        pop     cx
        push    ds
        pop     es
        mov     di, undi_pieces
        add     di, ax
        push    ds
        lds     si, [undi_block + p_isr.frame_off]
        rep movsb
        pop     ds
        pop     di
        mov     cx, [undi_collected]
        cmp     cx, [undi_block + p_isr.frame_length]
        jb      .done                   ; CF = 1
        mov     word [undi_collected], 0
        mov     word [undi_block + p_isr.frame_off], undi_pieces
        mov     [undi_block + p_isr.frame_seg], ds
        clc
.done:
        ret
.drop:
        pop     cx
        pop     di
        stc
        ret
%endif

;---------------------------------------------------------------------------
; undi_transmit - send the frame in net_tx_frame
; in:       CX = length
; out:      CF = 0; CF = 1, AX = ERR_UNDI_TRANSMIT: the UNDI did not take it
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
undi_transmit:
        mov     ax, ds
        mov     es, ax
        mov     si, net_tx_frame
        mov     di, si
        add     di, cx
        mov     dx, ETH_MIN_FRAME
        sub     dx, cx
        jbe     .long_enough
        xchg    cx, dx                  ; pad: some UNDIs do not
        mov     al, 0
        rep stosb
        mov     cx, ETH_MIN_FRAME
.long_enough:
        push    cx
        call    undi_clear
        pop     cx
        mov     [undi_tbd + tbd.immed_length], cx
        mov     [undi_tbd + tbd.xmit_off], si
        mov     [undi_tbd + tbd.xmit_seg], ds
        mov     [undi_block + p_transmit.tbd_seg], ds
        mov     word [undi_block + p_transmit.tbd_off], undi_tbd
        mov     bl, OP_TRANSMIT         ; protocol 0: the header is in the frame
        call    undi_call
        mov     ax, ERR_UNDI_TRANSMIT
        jnc     .done
        cmp     word [undi_block], UNDI_INVALID_STATE
        sete    [undi_dead]
        stc
.done:
        ret

;---------------------------------------------------------------------------
; undi_close - give the adapter and the UNDI's memory back
; in:       nothing
; out:      CF = 0; CF = 1: the UNDI could not be stopped, its memory must stay
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; Harmless where undi_open failed at any place, or was not called.
undi_close:
        mov     bp, UNDI_ROUND
.drain:                                 ; some stacks fail to close with a frame pending
        call    undi_receive
        jc      .empty
        dec     bp
        jnz     .drain
.empty:
        mov     si, undi_closing
        mov     bp, UNDI_CLOSING
.next:
        cs lodsw                        ; AL = opcode, AH = level from which it is called
        cmp     [undi_level], ah
        jb      .skip
        push    ax
        call    undi_clear
        pop     bx
        mov     bh, 0
        call    undi_call
.skip:
        dec     bp
        jnz     .next
        cmp     byte [undi_level], UNDI_RUNS
        jb      .stopped                ; STOP_UNDI had nothing to stop
        cmp     [undi_result], bp
        stc
        jne     .done
.stopped:
        mov     bx, undi_pxe            ; nobody is to find the structures any more
        call    .wipe
        mov     bx, undi_pxenv
        call    .wipe
        mov     [undi_level], al        ; UNDI_NONE
        mov     [undi_entry + 2], ax
.done:
        ret
.wipe:
        xor     eax, eax
        cmp     [bx + 2], ax
        je      .absent
        les     di, [bx]
        mov     [es:di], eax
        mov     [bx], eax
.absent:
        clc
        ret

RODATA undi
undi_closing:
        db      OP_CLOSE,     UNDI_OPEN
        db      OP_SHUTDOWN,  UNDI_READY
        db      OP_CLEANUP,   UNDI_RUNS
        db      OP_STOP_UNDI, UNDI_RUNS
UNDI_CLOSING    equ ($ - undi_closing) / 2
