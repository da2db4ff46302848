; A boot program that times INT 13h for the host: it reads a plan from the disk's sector
; PLAN_SECTOR and carries out its rows (romgen/bench/plan.py), each for a number of ticks. The
; clock that counts is the host's, on these lines:
;   @fact begin ROW
;   @fact end ROW CALLS SECTORS LONGEST
; LONGEST is the longest call in ticks.
; First dword and place of every sector that is read are compared while the clock runs (some ten
; instructions a sector), all bytes of a row's first CHECKED calls before it starts.
; More defines than guest.inc has: PATTERN_*, as for check.asm, and PLAN_SECTOR.

; The first thing that the boot sector does: the host takes the time.
%macro GUEST_FIRST 0
        mov     bx, dx
        mov     dx, 0x2F8
        mov     al, '@'
        out     dx, al
        mov     al, 10                  ; the host takes its time of whole lines
        out     dx, al
        mov     dx, bx
%endmacro

%include "guest.inc"
GUEST_BEGIN

BUFFER          equ 0x20000
PLAN_AT         equ 0x3000
DAY_TICKS       equ 0x1800B0
RANDOM_STEP     equ 1664525
RANDOM_ADD      equ 1013904223
RANDOM_SHIFT    equ 8                   ; the low bits of such numbers are poor

OP_END          equ 0
OP_READ         equ 0x42
OP_WRITE        equ 0x43
OP_CHS          equ 0x02
OP_RESET        equ 0xFF                ; AH=00h
MODE_RANDOM     equ 1

struc row                               ; romgen/bench/plan.py
.op:            resb 1
.mode:          resb 1
.sectors:       resw 1                  ; of one call
.first:         resd 1
.span:          resd 1                  ; sectors from .first on; then it begins anew
.ticks:         resw 1                  ; as long as that
.checked:       resw 1                  ; calls before the clock runs
.calls:         resd 1                  ; as many at most
endstruc

VARIABLES
begin:          resd 1
block:          resd 1
random:         resd 1
calls:          resd 1
last:           resd 1                  ; ticks since the begin when the call before ended
longest:        resd 1
heads:          resw 1
spt:            resw 1
number:         resw 1
piece:          resw 1
timed:          resb 1
                resb 1
packet_at:      resb 16
CODE

main:
        call    report_begin
        call    pattern_init
        call    geometry
        mov     bx, PLAN_AT
        mov     dword [block], PLAN_SECTOR
        mov     dword [packet_at + 4], PLAN_AT
        mov     word [piece], 1
        mov     ah, OP_READ
        call    edd
        jc      failed
.row:
        cmp     byte [bx + row.op], OP_END
        je      .done
        mov     dword [packet_at + 4], BUFFER >> 4 << 16
        mov     cx, [bx + row.sectors]
        mov     [piece], cx
        cmp     byte [bx + row.op], OP_WRITE
        jne     .filled
        mov     dword [pattern_xor], -1 ; what is written is the complement
        mov     eax, [bx + row.first]
        mov     edx, BUFFER
        call    pattern_make
.filled:
        mov     byte [timed], 0
        call    rewind
        jmp     .check_next
.check:
        call    one
        dec     word [bx + row.checked]
.check_next:
        cmp     word [bx + row.checked], 0
        jne     .check
        mov     byte [timed], 1
        call    rewind
        PUT     "@fact begin "
        call    put_number
        call    put_line
        call    ticks
        mov     [begin], eax
        xor     eax, eax
        mov     [last], eax
        mov     [longest], eax
.time:
        call    one
        inc     dword [calls]
        call    ticks
        sub     eax, [begin]
        jnc     .same_day
        add     eax, DAY_TICKS
.same_day:
        mov     ecx, eax
        xchg    ecx, [last]
        sub     ecx, eax
        neg     ecx
        cmp     ecx, [longest]
        jbe     .no_longer
        mov     [longest], ecx
.no_longer:
        mov     ecx, [calls]
        cmp     ecx, [bx + row.calls]
        jae     .end
        movzx   ecx, word [bx + row.ticks]
        cmp     eax, ecx
        jb      .time
.end:
        PUT     "@fact end "
        call    put_number
        PUT     " "
        mov     eax, [calls]
        call    put_dec
        PUT     " "
        movzx   eax, word [bx + row.sectors]
        mul     dword [calls]
        call    put_dec
        PUT     " "
        mov     eax, [longest]
        call    put_dec
        call    put_line
        mov     dword [pattern_xor], 0
        inc     word [number]
        add     bx, row_size
        jmp     .row
.done:
        mov     si, name_contents
        call    report_ok
        jmp     report_done

failed:                                 ; BX = row, AX = the call's
        mov     si, name_contents
        push    ax
        call    report_fail
        PUT     "status="
        pop     ax
        call    put_hex16
where:
        PUT     " row="
        call    put_number
        PUT     " sector="
        mov     eax, [block]
        call    put_dec
        call    put_line
        jmp     report_done

put_number:
        movzx   eax, word [number]
        jmp     put_dec

;---------------------------------------------------------------------------
; rewind - to the begin of the row
; in:       BX = row
; out:      block, calls, random
; clobbers: EAX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
rewind:
        mov     eax, [bx + row.first]
        mov     [block], eax
        mov     dword [calls], 0
        mov     dword [random], PATTERN_SEED
        ret

;---------------------------------------------------------------------------
; one - one call of the row, its data compared, and the next place
; in:       BX = row
; out:      does not return where the call fails or the data are wrong
; clobbers: EAX, ECX, EDX, ESI, EDI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
one:
        cmp     byte [bx + row.mode], MODE_RANDOM
        jne     .placed
        imul    eax, [random], RANDOM_STEP
        add     eax, RANDOM_ADD
        mov     [random], eax
        shr     eax, RANDOM_SHIFT
        movzx   esi, word [bx + row.sectors]
        push    eax
        mov     eax, [bx + row.span]
        xor     edx, edx
        div     esi
        mov     ecx, eax
        pop     eax
        xor     edx, edx
        div     ecx                     ; EDX = which piece of the span
        imul    edx, esi
        add     edx, [bx + row.first]
        mov     [block], edx
.placed:
        mov     ah, [bx + row.op]
        cmp     ah, OP_RESET
        je      .reset
        cmp     ah, OP_CHS
        je      .chs
        cmp     ah, OP_WRITE
        jne     .edd
        call    stamp
        mov     ah, OP_WRITE
.edd:
        call    edd
        jmp     .called
.chs:
        call    chs
.called:
        jc      failed
        cmp     byte [bx + row.op], OP_WRITE
        je      .advance
        mov     eax, [block]
        mov     cx, [piece]
        mov     edx, BUFFER
        cmp     byte [timed], 0
        jne     .glance
        call    pattern_check
        jnc     .advance
        mov     eax, [pattern_bad]
        mov     [block], eax
.contents:
        mov     si, name_contents
        call    report_fail
        PUT     "wrong"
        jmp     where
.glance:
        call    glance
        jne     .contents
.advance:
        movzx   ecx, word [bx + row.sectors]
        mov     eax, [block]
        add     eax, ecx
        lea     edx, [eax + ecx]
        sub     edx, [bx + row.first]
        cmp     edx, [bx + row.span]
        jbe     .next
        mov     eax, [bx + row.first]
.next:
        mov     [block], eax
        ret
.reset:
        mov     ah, 0
        mov     dl, [boot_drive]
        int     0x13
        sti
        jc      failed
        ret

;---------------------------------------------------------------------------
; edd - read or write `piece` sectors at `block`
; in:       AH = 42h, 43h; packet_at: the buffer
; out:      CF, AX as INT 13h
; clobbers: EAX, DX, SI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
edd:
        mov     word [packet_at], 16
        mov     dx, [piece]
        mov     [packet_at + 2], dx
        push    dword [block]
        pop     dword [packet_at + 8]
        mov     si, packet_at
        mov     dl, [boot_drive]
        mov     al, 0
        int     0x13
        sti                             ; some return with interrupts off
        ret

;---------------------------------------------------------------------------
; chs - read `piece` sectors at `block` by cylinder, head and sector
; in:       heads, spt
; out:      CF, AX as INT 13h
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
chs:
        push    bx
        push    es
        mov     eax, [block]
        xor     edx, edx
        movzx   ecx, word [spt]
        div     ecx
        inc     dx
        push    dx                      ; sector
        xor     edx, edx
        movzx   ecx, word [heads]
        div     ecx
        mov     dh, dl                  ; head
        pop     cx
        shl     ah, 6
        or      cl, ah                  ; cylinder, bits 9:8
        mov     ch, al
        mov     dl, [boot_drive]
        mov     ax, [piece]
        mov     ah, OP_CHS
        push    BUFFER >> 4
        pop     es
        xor     bx, bx
        int     0x13
        sti
        pop     es
        pop     bx
        ret

;---------------------------------------------------------------------------
; geometry - what AH=08h says
; in:       -
; out:      heads, spt
; clobbers: EAX, ECX, EDX, DI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
geometry:
        push    bx
        push    es
        mov     ah, 8
        mov     dl, [boot_drive]
        int     0x13
        sti
        pop     es
        pop     bx
        jc      failed
        movzx   ax, dh
        inc     ax
        mov     [heads], ax
        and     cx, 0x3F
        mov     [spt], cx
        ret

;---------------------------------------------------------------------------
; glance - is the first dword of every sector in the buffer what it must be?
; in:       block, piece
; out:      ZF = 1: yes
; clobbers: EAX, CX, EDX, EDI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
glance:
        push    es
        push    BUFFER >> 4
        pop     es
        xor     di, di
        mov     cx, [piece]
        imul    eax, [block], PATTERN_MUL
.next:
        add     eax, PATTERN_MUL
        mov     edx, eax
        xor     edx, PATTERN_SEED
        cmp     edx, [es:di]
        jne     .out
        add     di, SECTOR
        loop    .next
        cmp     cx, cx                  ; ZF = 1
.out:
        pop     es
        ret

;---------------------------------------------------------------------------
; stamp - give each sector in the buffer the first dword of its place
; in:       block, piece
; out:      -
; clobbers: EAX, CX, EDX, DI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
stamp:
        push    es
        push    BUFFER >> 4
        pop     es
        xor     di, di
        mov     cx, [piece]
        imul    eax, [block], PATTERN_MUL
.next:
        add     eax, PATTERN_MUL
        mov     edx, eax
        xor     edx, PATTERN_SEED ^ 0xFFFFFFFF
        mov     [es:di], edx
        add     di, SECTOR
        loop    .next
        pop     es
        ret

%include "clock.inc"

name_contents:  db "contents", 0

%include "report.inc"
%include "pattern.inc"

GUEST_END
