; iSCSI PDUs on their way in. TCP hands over bytes as they come; a PDU is taken apart on the fly:
; header, additional header, data, padding. Data-In goes straight to its buffer, login text into the
; parser, everything else into `rx_data`.
%include "romgen.inc"
%include "iscsi.inc"

global iscsi_rx:function
global stat_sn_check:function
global rx_unasked:function
global rx_reset:function
global iscsi_phase:data
global rx_eat:data
global rx_bhs:data
global rx_data:data
global rx_room:data
global rx_left:data
global rx_length:data
global rx_max:data
global rx_time:data
global rx_crc:data
global logout_done:data
extern swap_eax
extern iscsi_max_cmd_sn
extern iscsi_exp_stat_sn
extern tcp_patience
extern nop_waiting
extern nop_ttt
extern nop_lun
extern nop_out_answer
extern text_byte
extern login_done
extern rx_digests
extern session_ending
extern login_ready
extern login_waiting
extern data_in_header
extern data_in_done
extern response_header
extern response_done
extern r2t_done
extern net_now
extern crc32c_add
extern cmd_spoiled
extern error_detail

BSS iscsi
rx_bhs:             resb bhs_size       ; header of the current (or, between PDUs, the last) PDU
rx_data:            resb SENSE_ROOM     ; its data, where that has no other place; cut off
rx_left:            resd 1              ; bytes of the current part still to come
rx_length:          resd 1              ; DataSegmentLength
rx_max:             resd 1              ; the longest that we take
rx_time:            resd 1              ; when bytes came last
rx_eat:             resw 1              ; routine that takes ES:SI, CX bytes of the current part
rx_next:            resw 1              ; routine at the end of the part
rx_fill:            resw 1              ; rx_store: where to
rx_room:            resw 1              ; rx_store: how much more
rx_row:             resw 1              ; the opcode's row
rx_crc:             resd 1              ; CRC32C so far
rx_digest:          resd 1              ; what the target says that it is
rx_summing:         resb 1              ; not 0: what comes goes into rx_crc
iscsi_phase:        resb 1
logout_done:        resb 1              ; 1: the Logout Response is there

RODATA iscsi
; What a PDU from the target goes through, by opcode.
struc rx_kind
.opcode         resb 1
.phases         resb 1                  ; where it may come
.header         resw 1                  ; when its header is there; may set rx_eat for the data
.done           resw 1                  ; when all of it is there
endstruc
rx_kinds:
        db      ISCSI_DATA_IN, PHASE_FULL
        dw      data_in_header, data_in_done
        db      ISCSI_SCSI_RESPONSE, PHASE_FULL
        dw      response_header, response_done
        db      ISCSI_R2T, PHASE_FULL
        dw      rx_no_data, r2t_done
        db      ISCSI_NOP_IN, PHASE_FULL | PHASE_LOGOUT
        dw      rx_nothing, nop_in_done
        db      ISCSI_LOGIN_RESPONSE, PHASE_LOGIN
        dw      login_header, login_done
        db      ISCSI_ASYNC, PHASE_FULL | PHASE_LOGOUT
        dw      rx_nothing, async_done
        db      ISCSI_LOGOUT_RESPONSE, PHASE_LOGOUT
        dw      rx_nothing, logout_response_done
        db      ISCSI_REJECT, PHASE_LOGIN | PHASE_FULL | PHASE_LOGOUT
        dw      rx_nothing, reject_done
rx_kinds_end:

CALM            equ 256             ; ms of silence that a target may have that has answered a ping

CODE iscsi
;---------------------------------------------------------------------------
; iscsi_rx - bytes from the target, in order
; in:       ES:SI = bytes, CX = count
; out:      CF = 0: all taken; CF = 1, AX = error: the connection has to be dropped
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; called by TCP; may queue records, does not call net_poll
;---------------------------------------------------------------------------
iscsi_rx:
        mov     eax, [net_now]          ; the chip costs four accesses, each leaves a virtual machine
        mov     [rx_time], eax
.loop:
        mov     ebx, [rx_left]
        test    ebx, ebx
        jnz     .part
        push    es
        push    si
        push    cx
        call    [rx_next]
        pop     cx
        pop     si
        pop     es
        jnc     .loop
        ret
.part:
        jcxz    .out
        movzx   eax, cx
        cmp     eax, ebx
        jbe     .piece
        mov     eax, ebx
.piece:
        sub     [rx_left], eax
        sub     cx, ax
        push    es
        push    cx
        push    si
        push    ax
        xchg    ax, cx
        cmp     byte [rx_summing], 0
        je      .eat
        push    cx
        push    si
        mov     eax, [rx_crc]
        call    crc32c_add
        mov     [rx_crc], eax
        pop     si
        pop     cx
.eat:
        call    [rx_eat]
        pop     bx
        pop     si
        pop     cx
        pop     es
        jc      .error
        add     si, bx
        jmp     .loop
.out:
        clc
.error:
        ret

;---------------------------------------------------------------------------
; rx_reset - wait for the header of a PDU
; in:       none
; out:      CF = 0
; clobbers: AL, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_reset:
        mov     al, DIGEST_HEADER
        call    rx_sum
        mov     dword [rx_left], bhs_size
        mov     word [rx_next], rx_header_end
        mov     word [rx_fill], rx_bhs
        mov     word [rx_room], bhs_size
        mov     word [rx_eat], rx_store
        clc
        ret

;---------------------------------------------------------------------------
; rx_store - keep bytes at rx_fill as far as rx_room goes
; in:       ES:SI = bytes, CX = count
; out:      CF = 0
; clobbers: AX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_store:
        cmp     cx, [rx_room]
        jbe     .fits
        mov     cx, [rx_room]
.fits:
        sub     [rx_room], cx
        mov     di, [rx_fill]
        add     [rx_fill], cx
        push    ds
        push    es
        push    ds
        pop     es
        pop     ds
        rep movsb
        pop     ds
        clc
        ret

;---------------------------------------------------------------------------
; rx_skip - drop bytes
; in:       none
; out:      CF = 0
; clobbers: flags
;---------------------------------------------------------------------------
rx_skip:
rx_nothing:                             ; fallthrough: the same, as a step of a PDU
        clc
        ret

;---------------------------------------------------------------------------
; rx_text - bytes of login text
; in:       ES:SI = bytes, CX = count
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_text:
        mov     al, [es:si]
        push    es
        push    si
        push    cx
        call    text_byte
        pop     cx
        pop     si
        pop     es
        jc      .out
        inc     si
        loop    rx_text
.out:
        ret

;---------------------------------------------------------------------------
; rx_header_end - the basic header is there: skip what stands between it and the data
; in:       rx_bhs
; out:      CF = 0
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_header_end:
        movzx   eax, byte [rx_bhs + bhs.ahs_length]
        shl     ax, 2
        mov     [rx_left], eax
        mov     word [rx_eat], rx_skip
        mov     word [rx_next], rx_ahs_end
        clc
        ret

;---------------------------------------------------------------------------
; rx_sum - begin to sum up what comes, if the session has this digest
; in:       AL = DIGEST_HEADER or DIGEST_DATA
; out:      CF = 0
; clobbers: AL, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_sum:
        and     al, [rx_digests]
        mov     [rx_summing], al
        or      dword [rx_crc], byte -1
        ret

;---------------------------------------------------------------------------
; rx_digest_next - the digest follows, where there is one
; in:       AX = routine behind it; rx_left = 0
; out:      CF = 0; ZF = 1: there is none
; clobbers: AX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_digest_next:
        mov     [rx_next], ax
        mov     word [rx_fill], rx_digest
        mov     word [rx_room], DIGEST_SIZE
        mov     word [rx_eat], rx_store
        xor     al, al
        xchg    al, [rx_summing]
        test    al, al
        jz      .out
        mov     byte [rx_left], DIGEST_SIZE     ; it was 0
.out:
        ret

;---------------------------------------------------------------------------
; rx_digest_wrong - compare the digest that came with what was summed up
; in:       rx_crc, rx_digest
; out:      ZF = 1: right
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_digest_wrong:
        mov     eax, [rx_crc]
        not     eax
        cmp     eax, [rx_digest]
        ret

;---------------------------------------------------------------------------
; rx_ahs_end - the headers are there: their digest follows
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_ahs_end:
        mov     ax, rx_header_digest_end
        call    rx_digest_next
        jz      rx_header_good
        ret

;---------------------------------------------------------------------------
; rx_header_digest_end - the header's digest is there. Where it is wrong, nothing else is known
; in:       rx_bhs, rx_crc, rx_digest
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_header_digest_end:
        call    rx_digest_wrong
        je      rx_header_good
        FAIL    ISCSI_HEADER_DIGEST

;---------------------------------------------------------------------------
; rx_header_good - the headers are there: find who takes this PDU
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_header_good:
        mov     al, DIGEST_DATA
        call    rx_sum
        mov     eax, [rx_bhs + bhs.ahs_length]
        mov     al, 0
        call    swap_eax
        mov     [rx_left], eax
        mov     [rx_length], eax
        mov     word [rx_eat], rx_store
        mov     word [rx_fill], rx_data
        mov     word [rx_room], SENSE_ROOM
        mov     word [rx_next], rx_data_end
        cmp     eax, [rx_max]
        ja      rx_too_long
        mov     al, [rx_bhs + bhs.opcode]
        and     ax, ISCSI_OPCODE_MASK
        mov     ah, [iscsi_phase]
        mov     bx, rx_kinds
.row:
        cmp     al, [cs:bx + rx_kind.opcode]
        jne     .other
        test    ah, [cs:bx + rx_kind.phases]
        jnz     .found
.other:
        add     bx, rx_kind_size
        cmp     bx, rx_kinds_end
        jb      .row
        movzx   eax, al
        mov     [error_detail], eax
        FAIL    ISCSI_OPCODE
.found:
        mov     [rx_row], bx
        jmp     [cs:bx + rx_kind.header]

;---------------------------------------------------------------------------
; rx_no_data - a PDU that must not have data
; in:       rx_length
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_no_data:
        mov     eax, [rx_length]
        test    eax, eax
        jnz     rx_too_long
        ret

;---------------------------------------------------------------------------
; rx_too_long [jump] - the data segment is longer than it may be
; in:       EAX = length
; out:      CF = 1, AX = error
; clobbers: flags
; needs:    DS = DGROUP; returns to the caller of who jumps here
;---------------------------------------------------------------------------
rx_too_long:
        mov     [error_detail], eax
        FAIL    ISCSI_PDU_LENGTH

;---------------------------------------------------------------------------
; rx_data_end - the data is there: skip the padding
; in:       rx_length
; out:      CF = 0
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
rx_data_end:
        mov     eax, [rx_length]
        neg     ax
        and     eax, 3
        mov     [rx_left], eax
        mov     word [rx_eat], rx_skip
        mov     word [rx_next], rx_pad_end
        clc
        ret

;---------------------------------------------------------------------------
; rx_pad_end - the padding is there: the digest of the data follows
; in:       rx_length
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_pad_end:
        cmp     dword [rx_length], 0    ; no data, no digest
        je      rx_pdu_end
        mov     ax, rx_data_digest_end
        call    rx_digest_next
        jz      rx_pdu_end
        ret

;---------------------------------------------------------------------------
; rx_data_digest_end - the digest of the data is there
; in:       rx_crc, rx_digest
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; A command's data or sense that is spoiled costs a new try of the command; in anything else it costs
; the connection.
rx_data_digest_end:
        call    rx_digest_wrong
        je      rx_pdu_end
        mov     bx, [rx_row]
        mov     al, [cs:bx + rx_kind.opcode]
        mov     byte [cmd_spoiled], 1
        cmp     al, ISCSI_DATA_IN
        je      rx_pdu_end
        cmp     al, ISCSI_SCSI_RESPONSE
        je      rx_pdu_end
        FAIL    ISCSI_DATA_DIGEST

;---------------------------------------------------------------------------
; rx_pdu_end - the whole PDU is there: take note of the window, act
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
rx_pdu_end:
        call    rx_reset
        test    byte [iscsi_phase], PHASE_FULL | PHASE_LOGOUT
        jz      .act
        mov     eax, [rx_bhs + bhs_target.exp_cmd_sn]
        call    swap_eax
        xchg    edx, eax
        mov     eax, [rx_bhs + bhs_target.max_cmd_sn]
        call    swap_eax
        mov     ecx, eax
        inc     ecx
        sub     ecx, edx                ; RFC 7143, 4.2.2.1: MaxCmdSN below ExpCmdSN - 1: ignore both
        js      .act
        mov     ecx, eax
        sub     ecx, [iscsi_max_cmd_sn]
        js      .act                    ; the window only grows: an older PDU may come later
        mov     [iscsi_max_cmd_sn], eax
.act:
        mov     bx, [rx_row]
        jmp     [cs:bx + rx_kind.done]

;---------------------------------------------------------------------------
; stat_sn_check - the PDU carries a status: its StatSN must be the next one
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
stat_sn_check:
        mov     eax, [rx_bhs + bhs_target.stat_sn]
        call    swap_eax
        cmp     eax, [iscsi_exp_stat_sn]
        jne     .gap
        inc     dword [iscsi_exp_stat_sn]
        clc
        ret
.gap:
        mov     [error_detail], eax
        FAIL    ISCSI_STAT_SN

;---------------------------------------------------------------------------
; nop_in_done - NOP-In: a ping of the target, an answer to ours, or only news of the window
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
nop_in_done:
        cmp     dword [rx_bhs + bhs.itt], byte -1
        jne     .answer
        mov     eax, [rx_bhs + bhs.ttt]
        cmp     eax, byte -1
        je      rx_nothing
        mov     [nop_ttt], eax
        push    ds
        pop     es
        mov     si, rx_bhs + bhs.lun
        mov     di, nop_lun
        movsd
        movsd
        mov     byte [nop_waiting], 1
        call    nop_out_answer
        clc
        ret
.answer:
        or      byte [tcp_patience + 1], CALM / 256     ; it lives, and is at work
        jmp     stat_sn_check           ; an answer takes a StatSN

;---------------------------------------------------------------------------
; login_header - a Login Response: its data is text
; in:       none
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
login_header:
        xor     al, al
        xchg    al, [login_waiting]
        sub     al, 1                   ; CF = 1 where none was due
        jc      rx_unasked
        mov     word [rx_eat], rx_text
        ret

;---------------------------------------------------------------------------
; rx_unasked [jump] - an answer to nothing
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP; returns to the caller of who jumps here
;---------------------------------------------------------------------------
rx_unasked:
        mov     eax, [rx_bhs + bhs.itt]
        call    swap_eax
        mov     [error_detail], eax
        FAIL    ISCSI_TAG

;---------------------------------------------------------------------------
; async_done - asynchronous message (RFC 7143, 11.9)
; in:       rx_bhs
; out:      CF = 1, AX = error
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
async_done:
        call    stat_sn_check
        jc      .out
        movzx   eax, byte [rx_bhs + bhs_async.event]
        cmp     al, ASYNC_SCSI
        je      .out                    ; CF = 0; sense comes with the next command anyway
        cmp     al, ASYNC_LOGOUT
        je      .logout
        cmp     al, ASYNC_NEGOTIATE
        je      .logout                 ; a new login negotiates everything
        cmp     al, ASYNC_TERMINATED
        ja      .vendor                 ; nobody can know what it means
        mov     [error_detail], eax
        FAIL    ISCSI_ASYNC
.logout:
        mov     byte [session_ending], 1
.vendor:
        clc
.out:
        ret

;---------------------------------------------------------------------------
; logout_response_done - the target let go
; in:       none
; out:      CF = 0
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
logout_response_done:
        mov     byte [logout_done], 1
        clc
        ret

;---------------------------------------------------------------------------
; reject_done - the target rejects what we sent; its data is our header
; in:       rx_bhs, rx_length, rx_data
; out:      CF = 1, AX = error; CF = 0 where it was only a NOP-Out
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
reject_done:
        cmp     dword [rx_length], bhs_size
        jb      .real                   ; the header is not whole
        test    byte [rx_data + bhs.opcode], ISCSI_OPCODE_MASK
        jz      stat_sn_check           ; ISCSI_NOP_OUT: a target that does without
.real:
        movzx   eax, byte [rx_bhs + bhs_target.response]
        mov     [error_detail], eax
        FAIL    ISCSI_REJECT
