; The frame of the hash functions: collects bytes into blocks of 64, pads, gives the digest.
; One hash at a time; the numbers are those of CHAP_A (IANA, PPP authentication algorithms).
; A function adds itself to the table `hash`.  Sources: RFC 1321, RFC 3174, FIPS 180-4.
%include "romgen.inc"
%include "hash.inc"

global hash_init:function, hash_update:function, hash_final:function
global hash_state:data, hash_work:data, hash_block:data, hash_digest:data
extern swap_eax
extern tbl_hash, tbl_hash_end

CODE hash

;---------------------------------------------------------------------------
; hash_init - begin a hash
; in:       AL = 5 MD5, 6 SHA-1, 7 SHA-256 (CHAP_A)
; out:      CF = 0, CX = bytes of a digest; CF = 1: no such function
; clobbers: AX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
hash_init:
        mov     si, tbl_hash
.find:
        cmp     si, tbl_hash_end
        jae     .unknown
        cmp     [cs:si + HASH.number], al
        je      .found
        add     si, HASH_size
        jmp     .find
.found:
        mov     [hash_entry], si
        and     dword [hash_length], byte 0
        push    ds
        pop     es
        mov     di, hash_state
        push    si
        mov     si, [cs:si + HASH.start]
        mov     cx, HASH_STATE_WORDS
        rep cs movsd
        pop     si
        mov     cl, [cs:si + HASH.digest_length]        ; CX is 0 here
        clc
        ret
.unknown:
        stc
        ret

;---------------------------------------------------------------------------
; hash_update - add bytes
; in:       ES:SI = bytes, CX = count
; out:      none
; clobbers: AX, CX, SI, DI, flags
; needs:    DS = DGROUP; after hash_init
;---------------------------------------------------------------------------
hash_update:
        jcxz    .done
.next:
        mov     al, [es:si]
        inc     si
        call    hash_byte
        loop    .next
.done:
        ret

;---------------------------------------------------------------------------
; hash_byte - add one byte; runs the function when a block is full
; in:       AL = byte
; out:      none
; clobbers: AX, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
hash_byte:
        mov     di, [hash_length]
        and     di, HASH_BLOCK - 1
        mov     [hash_block + di], al
        inc     dword [hash_length]
        cmp     di, HASH_BLOCK - 1
        jne     .done
        pushad
        mov     bx, [hash_entry]
        cmp     byte [cs:bx + HASH.big_endian], 0
        je      .run
        mov     di, hash_block
        mov     cx, HASH_BLOCK / 4
        call    swap_words
.run:
        mov     si, hash_state                          ; work = state
        mov     di, hash_work
        push    es
        push    ds
        pop     es
        mov     cx, HASH_STATE_WORDS
        rep movsd
        pop     es
        call    [cs:bx + HASH.transform]
        mov     si, HASH_STATE_WORDS * 4                ; state += work
.add:
        sub     si, 4
        mov     eax, [hash_work + si]
        add     [hash_state + si], eax
        test    si, si
        jnz     .add
        popad
.done:
        ret

;---------------------------------------------------------------------------
; hash_final - end a hash
; in:       none
; out:      hash_digest = the digest, CX = its length
; clobbers: EAX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
hash_final:
        mov     eax, [hash_length]
        shl     eax, 3                                  ; length in bits; texts are short
        push    eax
        mov     al, 80h
.pad:
        call    hash_byte
        mov     al, [hash_length]
        and     al, HASH_BLOCK - 1
        cmp     al, HASH_BLOCK - 8
        mov     al, 0
        jne     .pad
        pop     eax
        mov     si, [hash_entry]
        cmp     byte [cs:si + HASH.big_endian], 0
        je      .little
        call    swap_eax
        mov     [hash_count + 4], eax
        and     dword [hash_count], byte 0
        jmp     .length
.little:
        mov     [hash_count], eax
        and     dword [hash_count + 4], byte 0
.length:
        push    ds
        pop     es
        mov     si, hash_count
        mov     cx, 8
        call    hash_update
        mov     si, hash_state
        mov     di, hash_digest
        mov     cx, HASH_STATE_WORDS
        rep movsd
        mov     si, [hash_entry]
        cmp     byte [cs:si + HASH.big_endian], 0
        je      .done
        mov     di, hash_digest
        mov     cx, HASH_STATE_WORDS
        call    swap_words
.done:
        movzx   cx, byte [cs:si + HASH.digest_length]
        ret

;---------------------------------------------------------------------------
; swap_words - change the byte order of 32-bit words in place
; in:       DS:DI = words, CX = count
; out:      none
; clobbers: EAX, CX, DI, flags
;---------------------------------------------------------------------------
swap_words:
        mov     eax, [di]
        call    swap_eax
        mov     [di], eax
        add     di, 4
        loop    swap_words
        ret

BSS hash
hash_state:     resd    HASH_STATE_WORDS
hash_work:      resd    HASH_STATE_WORDS
hash_block:     resb    HASH_BLOCK
hash_digest:    resd    HASH_STATE_WORDS
hash_length:    resd    1               ; bytes so far
hash_count:     resd    2               ; length in bits, as it goes into the last block
hash_entry:     resw    1               ; the function's row
