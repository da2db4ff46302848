; iSCSI PDUs on their way out: header, numbers, padding (RFC 7143, 11).
%include "romgen.inc"
%include "iscsi.inc"

global pdu_lun:function
global pdu_begin:function
global pdu_commit:function
global pdu_payload_near:function
global nop_out_ping:function
global nop_out_answer:function
global iscsi_cmd_sn:data
global iscsi_max_cmd_sn:data
global session_lun:data
global nop_ttt:data
global nop_lun:data
extern swap_eax
extern tcp_tx_alloc
extern nop_waiting
extern iscsi_exp_stat_sn
extern tcp_tx_commit
extern crc32c_add
extern copy_from_linear
extern rx_digests

BSS iscsi
iscsi_cmd_sn:       resd 1              ; of the next request
iscsi_max_cmd_sn:   resd 1              ; the last one that the target takes
session_lun:        resb 8              ; as on the wire
nop_ttt:            resd 1              ; a ping of the target, as on the wire; valid with nop_waiting
nop_lun:            resb 8
digest_piece:       resb DIGEST_PIECE

CODE iscsi
;---------------------------------------------------------------------------
; pdu_lun - put a LUN into a header
; in:       DI = record, SI = the LUN
; out:      the header's LUN
; clobbers: SI, ES
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
pdu_lun:
        push    di
        add     di, TXREC.header + bhs.lun
        push    ds
        pop     es
        movsd
        movsd
        pop     di
        ret

;---------------------------------------------------------------------------
; pdu_begin - a send record with an empty header
; in:       AL = first byte of the PDU (opcode, immediate bit)
; out:      CF = 0, DI = the record; CF = 1: none is free
; clobbers: EAX, ECX, EDX, ESI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
pdu_begin:
        push    ax
        call    tcp_tx_alloc
        pop     dx
        jc      .none
        push    ds
        pop     es
        push    di
        add     di, TXREC.header_len
        mov     cx, (TXREC.header + bhs_size - TXREC.header_len) / 2
        xor     ax, ax
        rep stosw
        pop     di
        mov     [di + TXREC.header + bhs.opcode], dl
        mov     byte [di + TXREC.header + bhs.flags], ISCSI_FLAG_FINAL
        mov     byte [di + TXREC.header_len], bhs_size
        clc
.none:
        ret

;---------------------------------------------------------------------------
; pdu_payload_near - the data segment is in the data segment of the program
; in:       DI = record, SI = offset, CX = length
; out:      the record's payload
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
pdu_payload_near:
        xor     eax, eax
        mov     ax, ds
        shl     eax, 4
        mov     [di + TXREC.payload_lin], eax
        movzx   eax, si
        add     [di + TXREC.payload_lin], eax
        mov     [di + TXREC.payload_len], cx
        ret

;---------------------------------------------------------------------------
; pdu_commit - number the PDU, pad it, hand it to TCP
; in:       DI = record, filled but for the lengths and numbers that all requests have
; out:      none
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
pdu_commit:
        mov     eax, [di + TXREC.payload_len]
        mov     cl, al
        neg     cl
        and     cl, 3                   ; bytes that pad to a multiple of 4
        mov     [di + TXREC.tail_len], cl
        mov     byte [di + TXREC.tail_len + 1], 0
        and     dword [di + TXREC.tail], byte 0
        call    swap_eax                     ; 24 bits: the byte in front is the AHS length, 0
        mov     [di + TXREC.header + bhs.ahs_length], eax
        mov     al, [di + TXREC.header + bhs.opcode]
        cmp     al, ISCSI_DATA_OUT      ; has no CmdSN: it belongs to its command
        je      .stat
        test    al, ISCSI_IMMEDIATE
        mov     eax, [iscsi_cmd_sn]
        jnz     .number
        inc     dword [iscsi_cmd_sn]
.number:
        call    swap_eax
        mov     [di + TXREC.header + bhs.cmd_sn], eax
.stat:
        mov     eax, [iscsi_exp_stat_sn]
        call    swap_eax
        mov     [di + TXREC.header + bhs.exp_stat_sn], eax
        mov     ax, ds
        mov     es, ax
        test    byte [rx_digests], DIGEST_HEADER
        jz      .data
        lea     si, [di + TXREC.header]
        mov     cx, bhs_size
        or      eax, byte -1
        call    crc32c_add
        not     eax
        mov     [di + TXREC.header + bhs_size], eax
        add     byte [di + TXREC.header_len], DIGEST_SIZE
.data:
        test    byte [rx_digests], DIGEST_DATA
        jz      .send
        mov     ecx, [di + TXREC.payload_len]
        jecxz   .send
        call    pdu_data_digest
.send:
        jmp     tcp_tx_commit

;---------------------------------------------------------------------------
; pdu_data_digest - sum up payload and padding, put the digest behind them
; in:       DI = record, ECX = length of the payload, ES = DS
; out:      the record's tail
; clobbers: EAX, BX, ECX, EDX, ESI, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
pdu_data_digest:
        push    di
        or      eax, byte -1
        mov     edx, ecx
        mov     esi, [di + TXREC.payload_lin]
        mov     di, digest_piece
.piece:
        mov     ecx, DIGEST_PIECE       ; the payload may lie above 1 MiB, so it comes in pieces
        cmp     edx, ecx
        jae     .length
        mov     ecx, edx
.length:
        push    eax
        call    copy_from_linear
        pop     eax
        add     esi, ecx
        sub     edx, ecx
        push    si
        mov     si, di
        call    crc32c_add
        pop     si
        test    edx, edx
        jnz     .piece
        pop     di
        lea     si, [di + TXREC.tail]
        mov     cx, [di + TXREC.tail_len]
        mov     bx, cx
        call    crc32c_add
        not     eax
        mov     [bx + di + TXREC.tail], eax
        add     byte [di + TXREC.tail_len], DIGEST_SIZE
        ret

;---------------------------------------------------------------------------
; nop_out_ping - ask the target for a sign of life
; in:       none
; out:      CF = 1: no record is free (so there is traffic anyway)
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
nop_out_ping:
        mov     al, ISCSI_NOP_OUT | ISCSI_IMMEDIATE
        call    pdu_begin
        jc      .out
        mov     byte [di + TXREC.header + bhs.itt + 3], PING_TAG
        or      dword [di + TXREC.header + bhs.ttt], byte -1
        call    pdu_commit
        clc
.out:
        ret

;---------------------------------------------------------------------------
; nop_out_answer - answer the target's ping, if one waits (RFC 7143, 11.18)
; in:       nop_waiting, nop_ttt, nop_lun
; out:      none; nop_waiting stays 1 where no record is free
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
nop_out_answer:
        cmp     byte [nop_waiting], 0
        je      .out
        mov     al, ISCSI_NOP_OUT | ISCSI_IMMEDIATE
        call    pdu_begin
        jc      .out
        mov     byte [nop_waiting], 0
        or      dword [di + TXREC.header + bhs.itt], byte -1
        mov     eax, [nop_ttt]
        mov     [di + TXREC.header + bhs.ttt], eax
        mov     si, nop_lun
        call    pdu_lun
        jmp     pdu_commit
.out:
        ret
