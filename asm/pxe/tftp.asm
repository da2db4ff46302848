; TFTP, reading only (RFC 1350) with the options blksize and tsize (RFC 2347-2349).
;
; A block is acknowledged when the next one is asked for, so that the server waits for us and not the other
; way round. What is out is repeated until its answer has come; what comes twice is not answered again
; (RFC 1123, 4.2.3.1). Results are PXE's status codes: the base code hands them on.
%include "romgen.inc"
%include "net.inc"
%include "pxe.inc"

global tftp_open:function
global tftp_next:function
global tftp_close:function
global tftp_fetch:function
global tftp_sink:function
global tftp_state:data
global tftp_server:data
global tftp_server_port:data
global tftp_block_size:data
global tftp_block:data
global tftp_file_size:data
global tftp_dest:data
global tftp_room:data
global tftp_no_way:data

extern arp_valid
extern copy_to_linear
extern time_now
extern udp_dest, udp_port, udp_ports, udp_send, udp_sink, udp_taken, udp_wait

TFTP_WAIT_FIRST equ 1000        ; ms for an answer; doubled up to
TFTP_WAIT_LAST  equ 4000        ; which is waited for as often as
TFTP_TRIES      equ 6           ; tries in all say
TFTP_RRQ_ROOM   equ 2 + PXE_FILE_MAX + 64       ; with "octet" and the options


BSS pxe_tftp
tftp_server:    resd 1
tftp_file_size: resd 1          ; bytes of the file, where TFTP_SIZED
tftp_dest:      resd 1          ; linear: where data goes,
tftp_room:      resd 1          ; and how much may
tftp_server_port: resw 1        ; network order; the server chooses another one with its answer
tftp_local_port: resw 1
tftp_block_size: resw 1
tftp_block:     resw 1          ; the next one
tftp_got:       resw 1          ; bytes of the block that came
tftp_status:    resw 1          ; PXE status of what came
tftp_out_size:  resw 1
tftp_no_way:    resw 1          ; with the status PXE_ARP_TIMEOUT the error number
tftp_state:     resb 1
tftp_out:       resb TFTP_RRQ_ROOM

RODATA pxe_tftp
tftp_octet:     db      "octet", 0
tftp_octet_size equ $ - tftp_octet
tftp_blksize:   db      "blksize", 0
tftp_blksize_size equ $ - tftp_blksize
tftp_tsize:     db      "tsize", 0
tftp_tsize_size equ $ - tftp_tsize

CODE pxe_tftp
;---------------------------------------------------------------------------
; tftp_open - ask for a file
; in:       ES:SI = name, at most PXE_FILE_MAX bytes with its NUL; CX = block size wanted;
;           tftp_server, tftp_server_port
; out:      CF = 0, tftp_block_size, tftp_file_size; CF = 1, AX = PXE status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_open:
        call    udp_port
        mov     [tftp_local_port], ax
        mov     byte [tftp_state], 0
        cmp     cx, TFTP_BLOCK
        jae     .not_small
        mov     cx, TFTP_BLOCK
.not_small:
        cmp     cx, TFTP_BLOCK_MAX
        jbe     .not_large
        mov     cx, TFTP_BLOCK_MAX
.not_large:
        mov     [tftp_block_size], cx
        push    es
        push    ds
        pop     es
        pop     ds
        mov     di, tftp_out
        mov     ax, HTONS(TFTP_RRQ)
        stosw
        mov     cx, PXE_FILE_MAX
.name:
        lodsb
        stosb
        test    al, al
        loopnz  .name
        push    ss
        pop     ds
        mov     ax, PXE_TFTP_NOT_FOUND  ; no end: nobody has such a file
        stc
        jnz     .done
        mov     si, tftp_octet
        mov     cx, tftp_octet_size
        cs rep movsb
        push    di                      ; where the options begin
        mov     si, tftp_blksize
        mov     cl, tftp_blksize_size
        cs rep movsb
        mov     ax, [tftp_block_size]
        call    .decimal
        mov     si, tftp_tsize
        mov     cl, tftp_tsize_size
        cs rep movsb
        mov     ax, '0'                 ; with its NUL
        stosw
.request:
        sub     di, tftp_out
        mov     [tftp_out_size], di
        or      byte [tftp_state], TFTP_ACTIVE | TFTP_REQUESTED
        push    word [tftp_server_port]
        call    tftp_exchange
        pop     dx
        pop     di
        jnc     .opened
        cmp     ax, PXE_TFTP_BAD_OPCODE ; it does not know options, and says so
        jne     .failed
        bts     word [tftp_state], 5    ; TFTP_PLAIN
        jc      .failed
        mov     [tftp_server_port], dx
        mov     word [tftp_block_size], TFTP_BLOCK
        push    di
        jmp     .request
.failed:
        push    ax
        call    tftp_close
        pop     ax
        stc
.opened:
.done:
        ret
.decimal:                               ; AX to ES:DI, with a NUL
        mov     cx, 1                   ; the NUL, then the digits from the last one on
        push    cx
        mov     bx, 10
.digit:
        xor     dx, dx
        div     bx
        add     dx, '0'
        push    dx
        inc     cx
        test    ax, ax
        jnz     .digit
        dec     cx
.put:
        pop     ax
        stosb
        loop    .put
        pop     ax
        mov     al, 0
        stosb
        ret

;---------------------------------------------------------------------------
; tftp_next - the next block
; in:       tftp_dest = where its data goes, linear; tftp_room = how many bytes may go there
; out:      CF = 0, CX = bytes; ZF = 1: it was the last one; CF = 1, AX = PXE status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_next:
        xor     cx, cx
        mov     al, [tftp_state]
        test    al, TFTP_ACTIVE
        mov     ax, PXE_TFTP_CLOSED
        stc
        jz      .done
        test    byte [tftp_state], TFTP_HELD
        jnz     .held
        test    byte [tftp_state], TFTP_ENDED
        jnz     .end                    ; asked again behind the end: nothing more
        call    tftp_acknowledge
        call    tftp_exchange
        jc      .failed
.came:
        mov     cx, [tftp_got]
        test    byte [tftp_state], TFTP_ENDED
        jz      .more
        push    cx
        call    tftp_acknowledge        ; once; a server that misses it gives up by itself
        call    tftp_send
        pop     cx
.end:
        xor     ax, ax                  ; ZF = 1, CF = 0
        ret
.more:
        test    sp, sp                  ; ZF = 0, CF = 0
.done:
        ret
.held:
        and     byte [tftp_state], ~TFTP_HELD
        movzx   ecx, word [tftp_got]
        mov     ax, PXE_FILE_TOO_BIG
        cmp     [tftp_room], ecx
        jb      .failed
        push    ds
        pop     es
        mov     si, PXE_FIRST
        mov     edi, [tftp_dest]
        call    copy_to_linear
        jnc     .came
        mov     ax, PXE_FAILURE
.failed:
        push    ax
        call    tftp_close
        pop     ax
        stc
        ret

;---------------------------------------------------------------------------
; tftp_close - no more of this file
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_close:
        mov     al, 0
        xchg    al, [tftp_state]
        and     al, TFTP_ACTIVE | TFTP_REQUESTED | TFTP_ENDED
        cmp     al, TFTP_ACTIVE
        jne     .done
        mov     dword [tftp_out], HTONS(TFTP_ERROR)     ; code 0
        mov     byte [tftp_out + tftp_size], 0     ; without a text
        mov     word [tftp_out_size], tftp_size + 1
        jmp     tftp_send
.done:
        ret

;---------------------------------------------------------------------------
; tftp_fetch - a whole file
; in:       as tftp_open; EDI = where it goes, linear; EDX = room there, bytes
; out:      CF = 0, EAX = its size; CF = 1, AX = PXE status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_fetch:
        mov     [tftp_dest], edi
        mov     [tftp_room], edx
        push    edi
        call    tftp_open
        jc      .done
        test    byte [tftp_state], TFTP_SIZED
        jz      .block
        mov     eax, [tftp_room]
        cmp     eax, [tftp_file_size]        ; rather now than later
        jb      .too_big
.block:
        call    tftp_next
        jc      .done
        pushf
        movzx   ecx, cx
        add     [tftp_dest], ecx
        sub     [tftp_room], ecx
        popf
        jnz     .block
        mov     byte [tftp_state], 0
        pop     edi
        mov     eax, [tftp_dest]
        sub     eax, edi
        ret                             ; CF = 0
.too_big:
        call    tftp_close
        mov     ax, PXE_FILE_TOO_BIG
        stc
.done:
        pop     edi
        ret

;---------------------------------------------------------------------------
; tftp_acknowledge - make the acknowledgement of the last block
; in:       tftp_block
; out:      tftp_out
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
tftp_acknowledge:
        mov     ax, [tftp_block]
        dec     ax
        xchg    al, ah
        shl     eax, 16
        mov     ax, HTONS(TFTP_ACK)
        mov     [tftp_out], eax
        mov     word [tftp_out_size], tftp_size
        ret

;---------------------------------------------------------------------------
; tftp_exchange - send what is in tftp_out until it is answered
; in:       tftp_out, tftp_out_size
; out:      CF = 0: the block that was expected, or the answer to the request; CF = 1, AX = PXE status
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_exchange:
        mov     word [tftp_status], PXE_OK
        mov     word [udp_sink], tftp_sink
        mov     bp, TFTP_WAIT_FIRST
        mov     cx, TFTP_TRIES
.try:
        push    cx
        push    bp
        call    tftp_send
        pop     bp
        jc      .no_way
        call    time_now
        movzx   edx, bp
        add     edx, eax
        push    bp
        call    udp_wait
        pop     bp
        pop     cx
        jnc     .answer
        shl     bp, 1
        cmp     bp, TFTP_WAIT_LAST
        jbe     .next
        mov     bp, TFTP_WAIT_LAST
        mov     byte [arp_valid], 0     ; perhaps the server has moved
.next:
        loop    .try
        mov     ax, PXE_TFTP_READ_TIMEOUT
        test    byte [tftp_state], TFTP_REQUESTED
        jz      .failed
        mov     al, PXE_TFTP_OPEN_TIMEOUT
        jmp     .failed
.no_way:
        pop     cx
        mov     [tftp_no_way], ax
        mov     ax, PXE_ARP_TIMEOUT
        jmp     .failed
.answer:
        mov     ax, [tftp_status]
        test    ax, ax                  ; CF = 0
        jz      .done
.failed:
        stc
.done:
        mov     word [udp_sink], 0
        ret

;---------------------------------------------------------------------------
; tftp_send - send what is in tftp_out
; in:       tftp_out, tftp_out_size; tftp_server, tftp_server_port, tftp_local_port
; out:      CF = 0; CF = 1, AX = error number
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; calls the UNDI
;---------------------------------------------------------------------------
tftp_send:
        mov     eax, [tftp_server]
        mov     [udp_dest], eax
        mov     ax, [tftp_local_port]
        mov     [udp_ports], ax
        mov     ax, [tftp_server_port]
        mov     [udp_ports + 2], ax
        push    ds
        pop     es
        mov     si, tftp_out
        mov     cx, [tftp_out_size]
        jmp     udp_send

;---------------------------------------------------------------------------
; tftp_sink - take a datagram that is our server's answer
; in:       ES:DI = UDP header, ES:SI = data, CX = bytes, ES:BX = IP header
; out:      udp_taken, tftp_status, tftp_got, tftp_state
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
tftp_sink:
        mov     ax, [tftp_local_port]
        cmp     [es:di + udp.dst_port], ax
        jne     .drop
        mov     eax, [tftp_server]
        cmp     [es:bx + ip.source], eax
        jne     .drop
        sub     cx, tftp_size
        jb      .drop
        mov     dx, [es:di + udp.src_port]
        mov     ax, [es:si + tftp.opcode]
        test    byte [tftp_state], TFTP_REQUESTED
        jz      .running
        cmp     ax, HTONS(TFTP_OACK)
        je      .options
        cmp     ax, HTONS(TFTP_ERROR)
        je      .error
        cmp     ax, HTONS(TFTP_DATA)
        jne     .drop
        cmp     word [es:si + tftp.block], HTONS(1)
        jne     .drop
        cmp     cx, TFTP_BLOCK          ; a server without options
        ja      .bad_size
        mov     word [tftp_block_size], TFTP_BLOCK
        call    .begin
        or      byte [tftp_state], TFTP_HELD
        xor     eax, eax
        mov     ax, ds
        shl     eax, 4
        lea     edi, [eax + PXE_FIRST]
        jmp     .copy
.running:
        cmp     dx, [tftp_server_port]
        jne     .drop                   ; another one's, or of a transfer before this one
        cmp     ax, HTONS(TFTP_ERROR)
        je      .error
        cmp     ax, HTONS(TFTP_DATA)
        jne     .drop
        mov     ax, [es:si + tftp.block]
        xchg    al, ah
        cmp     ax, [tftp_block]
        jne     .drop
        cmp     cx, [tftp_block_size]
        ja      .bad_size
        movzx   eax, cx
        mov     bx, PXE_FILE_TOO_BIG
        cmp     [tftp_room], eax
        jb      .status
        mov     edi, [tftp_dest]
.copy:
        mov     [tftp_got], cx
        cmp     cx, [tftp_block_size]
        je      .not_last
        or      byte [tftp_state], TFTP_ENDED
.not_last:
        inc     word [tftp_block]
        movzx   ecx, cx
        add     si, tftp_size
        call    copy_to_linear
        mov     bx, PXE_FAILURE         ; memory that cannot be reached
        jc      .status
        mov     bx, PXE_OK
.status:
        mov     [tftp_status], bx
        mov     byte [udp_taken], 1
.drop:
        ret
.bad_size:
        mov     bx, PXE_TFTP_BAD_SIZE
        jmp     .status
.error:
        mov     bx, PXE_TFTP_NOT_FOUND
        mov     ax, [es:si + tftp.block]
        cmp     ax, HTONS(TFTP_ERR_NOT_FOUND)
        je      .over
        inc     bx                      ; PXE_TFTP_ACCESS
        cmp     ax, HTONS(TFTP_ERR_ACCESS)
        je      .over
        mov     bl, PXE_TFTP_BAD_OPCODE
        cmp     ax, HTONS(TFTP_ERR_OPTION)
        je      .over
        mov     bl, PXE_TFTP_ERROR
.over:
        test    byte [tftp_state], TFTP_REQUESTED
        jnz     .status
        mov     byte [tftp_state], 0    ; the server has closed it
        jmp     .status
.begin:                                 ; the transfer has begun: DX = the server's port for it
        mov     [tftp_server_port], dx
        and     byte [tftp_state], ~TFTP_REQUESTED
        mov     word [tftp_block], 1
        ret
.options:                               ; names and values, each with a NUL
        call    .begin
        add     cx, tftp_size - tftp.block
        add     si, tftp.block
        push    word [tftp_block_size]
        mov     word [tftp_block_size], TFTP_BLOCK      ; what is not confirmed does not hold
        pop     bp                      ; BP = the most that it may be
.option:
        mov     di, tftp_blksize
        mov     dx, tftp_blksize_size
        call    .is
        je      .block_size
        mov     di, tftp_tsize
        mov     dx, tftp_tsize_size
        call    .is
        je      .total
        call    .skip                   ; one that we do not know: name and value
        call    .skip
.more:
        test    cx, cx
        jnz     .option
        mov     bx, PXE_OK
        jmp     .status
.block_size:
        call    .number
        mov     bx, PXE_TFTP_BAD_SIZE
        test    eax, eax
        jz      .status
        cmp     eax, 8                  ; RFC 2348
        jb      .status
        movzx   edx, bp
        cmp     eax, edx
        ja      .status
        mov     [tftp_block_size], ax
        jmp     .more
.total:
        call    .number
        mov     [tftp_file_size], eax
        or      byte [tftp_state], TFTP_SIZED
        jmp     .more
.is:                                    ; ZF = 1: ES:SI, CX begins with the name CS:DI, DX; skipped then
        cmp     cx, dx
        jb      .other
        push    si
        push    cx
        mov     cx, dx
.char:
        mov     al, [es:si]
        cmp     al, 'A'                 ; names may be in either case (RFC 2347)
        jb      .small
        or      al, 20h
.small:
        cmp     al, [cs:di]
        jne     .differs
        lea     si, [si + 1]
        lea     di, [di + 1]            ; ZF is needed
        loop    .char
.differs:
        pop     cx
        pop     di
        je      .same
        mov     si, di
.other:
        test    sp, sp                  ; ZF = 0
        ret
.same:
        sub     cx, dx
        cmp     ax, ax
        ret
.number:                                ; ES:SI, CX -> EAX, behind its NUL
        xor     eax, eax
.digit:
        jcxz    .number_end
        dec     cx
        movzx   edx, byte [es:si]
        inc     si
        sub     dl, '0'
        cmp     dl, 10
        jae     .number_end
        imul    eax, eax, 10
        add     eax, edx
        jmp     .digit
.number_end:
        ret
.skip:                                  ; ES:SI, CX to behind a NUL
        jcxz    .skipped
        dec     cx
        cmp     byte [es:si], 0
        lea     si, [si + 1]
        jne     .skip
.skipped:
        ret
