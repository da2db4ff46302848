; Makes plain what romgen/init_pack.py has packed; the format stands there.
%include "romgen.inc"

global unpack:function

UNPACK_MODELS   equ 1152        ; contexts: a byte each
UNPACK_MATCH    equ 400h        ; contexts 3FFh and less: four trees of literals
UNPACK_AGAIN    equ 401h
UNPACK_DISTANCE equ 402h
UNPACK_LENGTH   equ 440h
UNPACK_BEFORE   equ 6           ; from the byte before to the tree
UNPACK_HALF     equ 128
UNPACK_RATE     equ 4
UNPACK_ROUND    equ 8
UNPACK_LOW      equ 1000h       ; the least state
NEAR_CALL       equ 0E8h

struc unpack_work               ; scratch memory of the caller's
.models         resb UNPACK_MODELS
.distance       resw 1          ; of the last match
.end            resw 1
endstruc
%if unpack_work_size > UNPACK_PARAGRAPHS * 16
  %error romgen/init_pack.py says that unpack needs less
%endif

CODE unpack
;---------------------------------------------------------------------------
; unpack - packed bytes to plain ones
; in:       DS:SI = packed; ES:0 = room; CX = plain bytes wanted, up to a cut of the packer's;
;           FS:0 = UNPACK_PARAGRAPHS of scratch memory
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, flags
; needs:    30 bytes of stack
;---------------------------------------------------------------------------
unpack:
        mov     [fs:unpack_work.end], cx
        mov     bx, UNPACK_MODELS
.model:
        dec     bx
        mov     byte [fs:bx], UNPACK_HALF
        jnz     .model
        xor     eax, eax                ; the coder's state, all the way
        xor     di, di
.token:
        cmp     di, [fs:unpack_work.end]
        jae     .calls
        mov     bx, UNPACK_MATCH
        call    .bit
        jc      .match
        xor     bx, bx
        test    di, di
        jz      .tree
        mov     bh, [es:di - 1]
        shr     bh, UNPACK_BEFORE
.tree:
        inc     bx
.literal:
        call    .bit
        adc     bl, bl
        jnc     .literal
        mov     [es:di], bl
        inc     di
        jmp     .token
.match:
        inc     bx                      ; UNPACK_AGAIN
        call    .bit
        jc      .again
        inc     bx                      ; UNPACK_DISTANCE
        call    .number
        mov     [fs:unpack_work.distance], bp
.again:
        mov     bx, UNPACK_LENGTH
        call    .number
        mov     cx, bp
        inc     cx
        push    si
        mov     si, di
        sub     si, [fs:unpack_work.distance]
        es rep movsb
        pop     si
        jmp     .token

; Near calls: from the target back to the distance.
.calls:
        mov     cx, di
        xor     di, di
        mov     al, NEAR_CALL
.call:
        repne scasb
        jne     .done
        lea     dx, [di - 1]
        sub     [es:di], dx
        scasw
        sub     cx, 2
        ja      .call
.done:
        ret

; BX = context of the first digit -> BP = number
.number:
        mov     bp, 1
.digit:
        call    .bit
        inc     bx                      ; keeps CF
        jnc     .done
        call    .bit
        inc     bx
        adc     bp, bp
        jmp     .digit

; BX = context -> CF = bit; ECX, EDX change
.more:
        shl     eax, 8
        lodsb
.bit:
        cmp     eax, UNPACK_LOW
        jb      .more
        movzx   edx, al
        shr     eax, 8
        movzx   ecx, byte [fs:bx]
        sub     edx, ecx
        jnc     .zero
        add     edx, ecx                ; CF = 1
        neg     cl                      ; CF = 1
.zero:
        pushf
        push    cx                      ; the other bit's share, of 256
        neg     cl
        imul    eax, ecx
        add     eax, edx
        pop     cx
        mov     dx, cx
        add     dx, UNPACK_ROUND
        shr     dx, UNPACK_RATE
        sub     cl, dl
        popf
        jnc     .adapted
        neg     cl                      ; CF = 1
.adapted:
        mov     [fs:bx], cl
        ret
