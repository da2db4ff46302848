; The POST Memory Manager.
%include "romgen.inc"

global pmm_find:function
global pmm_call:function

PMM_FIRST       equ 0E000h      ; paragraph from which $PMM is searched, up to FFFFh

CODE pmm
;---------------------------------------------------------------------------
; pmm_find - the POST Memory Manager's header
; in:       nothing
; out:      CF = 0, ES:0 = header; CF = 1: none
; clobbers: AX, CX, ES, flags
; needs:    nothing
;---------------------------------------------------------------------------
pmm_find:
        push    si
        mov     ax, PMM_FIRST
.next:
        mov     es, ax
        cmp     dword [es:pmm_header.signature], '$PMM'
        jne     .other
        push    ax
        movzx   cx, byte [es:pmm_header.length]
        xor     si, si
        mov     al, 0
.byte:
        add     al, [es:si]
        inc     si
        loop    .byte                   ; a length of 0 sums the whole segment, and fails
        test    al, al
        pop     ax
        jz      .found
.other:
        inc     ax
        jnz     .next
        stc
.found:
        pop     si
        ret

;---------------------------------------------------------------------------
; pmm_call - a function of the PMM
; in:       ES:0 = PMM header; DX = function; EAX = paragraphs or address; CX = flags
; out:      EAX = what the PMM returns
; clobbers: EAX, ECX, EDX, flags
; needs:    a BIOS in POST; 256 bytes of stack for the PMM
;---------------------------------------------------------------------------
; Calling convention of C: the last argument is pushed first, the caller removes them. Functions with
; fewer arguments do not look at the others.
pmm_call:
        push    ebx
        push    esi
        push    edi
        push    ebp
        push    ds
        push    es
        push    cx
        push    dword -1                ; no handle: nobody is to find the block
        push    eax
        push    dx
        call    far [es:pmm_header.entry]
        add     sp, 2 + 4 + 4 + 2
        pop     es
        pop     ds
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        cld
        shl     edx, 16
        mov     dx, ax
        mov     eax, edx
        ret
