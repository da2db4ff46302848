; A boot program that uses its disk as DOS and its memory managers do.
; Real mode: cylinder, head and sector only, one sector a call; the system is reset and the call made
; again when it fails, as with a floppy; interrupts on and off; the caller's stack where programs
; have it; buffers at odd addresses and across 64 KiB of memory.
; Virtual-8086 mode with upper memory blocks (v86.inc): a file is copied through them in pieces of
; many sizes, then compared.
;   @fact dos SECTORS RETRIES             read and written in real mode; calls made again
;   @fact v86 AX SECTORS TICKS FAULTS     the last status, sectors copied and compared
;   @fact fault CS:IP OPCODE              an instruction that no monitor lets through
; Checks: "chs.*", "v86.*". More defines than guest.inc has: PATTERN_*, PATTERN_FIRST, WRITE_FIRST,
; WRITE_END, COPY_FROM, COPY_TO, COPY_COUNT.

; Between the ROM, which may stand behind a VGA BIOS, and the memory that SeaBIOS gives it.
%define UMB_AT  0xD4000
%define UMB_END 0xD8000
%define UMB_FROM 0x200000

%include "guest.inc"
GUEST_BEGIN

RETRIES         equ 5                   ; DOS makes a call again that often
PLACES          equ 8                   ; buffers and stacks below: a sector's number chooses
GUARD           equ 0x5AA5C33C          ; around the buffer
UMB_SEG         equ UMB_AT >> 4
UMB_SECTORS     equ 24                  ; of the 32: the stack lies above them
UMB_STACK       equ 0x3FFD              ; odd
UMB_MARK        equ UMB_SECTORS * SECTOR ; a dword of the guest's own
LOW_BUFFER      equ 0x2FF08             ; across 30000h
LOW_SECTORS     equ 64

struc place
.seg:           resw 1                  ; buffer
.off:           resw 1
.ss:            resw 1                  ; the caller's stack
.sp:            resw 1
endstruc

struc packet
.size:          resb 1
.zero:          resb 1
.count:         resw 1
.off:           resw 1
.seg:           resw 1
.lba:           resd 2
endstruc

VARIABLES
heads:          resd 1
spt:            resd 1
lba:            resd 1
linear:         resd 1                  ; of the buffer
function:       resb 1                  ; of INT 13h
status:         resb 1
dos_sectors:    resd 1
dos_retries:    resd 1
place_at:       resw 1
chs_cx:         resw 1
chs_dx:         resw 1
saved_sp:       resw 1
v86_ax:         resw 1
v86_sectors:    resd 1
v86_ticks:      resd 1
v86_bad:        resd 1                  ; sector whose contents were wrong, + 1
piece:          resw 1
copied:         resd 1
packet_at:      resb packet_size
CODE

main:
        call    report_begin
        call    pattern_init
        mov     ah, 0x08
        mov     dl, [boot_drive]
        int     0x13
        push    0
        pop     es
        mov     si, name_geometry
        jc      .geometry
        movzx   eax, dh
        inc     ax
        mov     [heads], eax
        and     cx, 0x3F
        movzx   eax, cx
        mov     [spt], eax
        call    report_ok

        mov     esi, PATTERN_FIRST
        mov     edi, PART_END           ; whole cylinders: no more can be named
        mov     bx, name_read
        call    chs_read_all
        mov     dword [pattern_xor], -1
        call    chs_write
        mov     esi, WRITE_FIRST
        mov     edi, WRITE_END
        mov     bx, name_back
        call    chs_read_all
        mov     dword [pattern_xor], 0
        PUT     "@fact dos "
        mov     eax, [dos_sectors]
        call    put_dec
        PUT     " "
        mov     eax, [dos_retries]
        call    put_dec
        call    put_line

        mov     ax, v86_copy
        call    v86_run
        PUT     "@fact v86 "
        mov     ax, [v86_ax]
        call    put_hex16
        PUT     " "
        mov     eax, [v86_sectors]
        call    put_dec
        PUT     " "
        mov     eax, [v86_ticks]
        call    put_dec
        PUT     " "
        mov     eax, [v86_faults]
        call    put_dec
        call    put_line
        call    v86_report_fault
        mov     si, name_contents
        mov     eax, [v86_bad]
        test    eax, eax
        call    report_equal
        call    umb_check

        mov     esi, PATTERN_FIRST
        lea     edi, [esi + 2 * PLACES]
        mov     bx, name_again
        call    chs_read_all
        jmp     report_done
.geometry:
        call    report_fail
        call    put_hex16
        call    put_line
        jmp     report_done

;---------------------------------------------------------------------------
; report_equal - a check that holds where the flags say "equal"
; in:       ZF; SI = name; EAX = what is told where it does not
; out:      -
; clobbers: none
; needs:    DS = 0
;---------------------------------------------------------------------------
report_equal:
        je      report_ok
        call    report_fail
        call    put_hex32
        jmp     put_line

;---------------------------------------------------------------------------
; chs_read_all - sectors one by one, each to another place, compared with the pattern
; in:       ESI = first, EDI = end; BX = name of the check
; out:      -
; clobbers: EAX, ECX, EDX, ESI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
chs_read_all:
        mov     [lba], esi
        mov     byte [function], 0x02
        call    chs_call
        jc      .fail
        call    guard_check
        jne     .fail
        mov     eax, esi
        mov     cx, 1
        mov     edx, [linear]
        call    pattern_check
        jc      .fail
        inc     esi
        cmp     esi, edi
        jb      chs_read_all
        mov     si, bx
        jmp     report_ok
.fail:
        push    si
        mov     si, bx
        call    report_fail
        pop     si
        mov     eax, esi
        call    put_dec
        PUT     " status="
        mov     al, [status]
        call    put_hex8
        jmp     put_line

;---------------------------------------------------------------------------
; chs_write - sectors one by one from different places, each verified (VERIFY ON)
; in:       pattern_xor
; out:      -
; clobbers: EAX, ECX, EDX, ESI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
chs_write:
        mov     esi, WRITE_FIRST
.next:
        mov     [lba], esi
        call    place_choose
        mov     eax, esi
        mov     cx, 1
        mov     edx, [linear]
        call    pattern_make
        mov     byte [function], 0x03
        call    chs_call
        jc      .fail
        mov     byte [function], 0x04
        call    chs_call
        jc      .fail
        inc     esi
        cmp     esi, WRITE_END
        jb      .next
        mov     si, name_write
        jmp     report_ok
.fail:
        push    si
        mov     si, name_write
        call    report_fail
        pop     si
        mov     eax, esi
        call    put_dec
        PUT     " status="
        mov     al, [status]
        call    put_hex8
        jmp     put_line

;---------------------------------------------------------------------------
; place_choose - buffer and stack for a sector, guards around the buffer
; in:       lba
; out:      place_at, linear
; clobbers: EAX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
place_choose:
        push    edi
        movzx   edi, word [lba]
        and     di, PLACES - 1
        shl     di, 3                   ; place_size
        add     di, places
        mov     [place_at], di
        movzx   eax, word [di + place.seg]
        shl     eax, 4
        movzx   edi, word [di + place.off]
        add     eax, edi
        mov     [linear], eax
        pop     edi
        ; fallthrough
guard_set:                              ; fallthrough: the guards alone
        push    es
        push    di
        call    guard_place
        mov     dword [es:di], GUARD
        mov     dword [es:di + 4 + SECTOR], GUARD
        pop     di
        pop     es
        ret

;---------------------------------------------------------------------------
; guard_place - address of the guard before the buffer
; in:       linear
; out:      ES:DI, DI < 16
; clobbers: EAX, ES, DI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
guard_place:
        mov     eax, [linear]
        sub     eax, 4
        mov     di, ax
        and     di, 15
        shr     eax, 4
        mov     es, ax
        ret

;---------------------------------------------------------------------------
; guard_check - was something written around the buffer?
; in:       linear
; out:      ZF = 1: no
; clobbers: EAX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
guard_check:
        push    es
        push    di
        call    guard_place
        cmp     dword [es:di], GUARD
        jne     .done
        cmp     dword [es:di + 4 + SECTOR], GUARD
.done:
        pop     di
        pop     es
        ret

;---------------------------------------------------------------------------
; chs_call - INT 13h for one sector, again after a reset where it fails
; in:       lba, function
; out:      CF = 1: it failed each time, status; linear = the buffer
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
; Every 16th sector the first try names sector 0, which does not exist: what a caller does with a
; failure has to work, too.
chs_call:
        push    esi
        push    edi
        push    ebx
        call    place_choose
        inc     dword [dos_sectors]
        mov     eax, [lba]
        xor     edx, edx
        div     dword [spt]
        mov     cl, dl
        inc     cl
        xor     edx, edx
        div     dword [heads]
        mov     dh, dl
        mov     ch, al
        shl     ah, 6
        or      cl, ah
        mov     dl, [boot_drive]
        mov     [chs_cx], cx
        mov     [chs_dx], dx
        mov     si, RETRIES + 1
        test    byte [lba], 15
        jnz     .try
        and     cl, 0xC0                ; sector 0
        call    .int13
        cmc
        jc      .out                    ; it must not succeed
        call    .reset
.try:
        mov     cx, [chs_cx]
        mov     dx, [chs_dx]
        call    .int13
        jnc     .out
        call    .reset
        dec     si
        jnz     .try
        stc
.out:
        pop     ebx
        pop     edi
        pop     esi
        ret
.reset:
        inc     dword [dos_retries]
        mov     ah, 0x00
        mov     dl, [boot_drive]
        int     0x13
        ret
.int13:                                 ; CX, DX -> CF, status
        push    si
        mov     di, [place_at]
        mov     es, [di + place.seg]
        mov     bx, [di + place.off]
        mov     ah, [function]
        mov     al, 1
        mov     [saved_sp], sp
        cli
        mov     ss, [di + place.ss]
        mov     sp, [di + place.sp]
        test    byte [lba], 1
        jnz     .interrupts_off
        sti
.interrupts_off:
        int     0x13
        mov     si, 0                   ; not XOR: the carry
        mov     ss, si
        mov     sp, [saved_sp]
        mov     es, si
        mov     [status], ah
        sti
        pop     si
        ret

;---------------------------------------------------------------------------
; v86_copy - the file, in virtual-8086 mode; the caller's stack is in an upper memory block
; in:       -
; out:      v86_ax, v86_sectors, v86_ticks, v86_bad
; clobbers: all
; needs:    DS = ES = SS = 0
;---------------------------------------------------------------------------
v86_copy:
        mov     [saved_sp], sp
        push    UMB_SEG
        pop     ss
        mov     sp, UMB_STACK
        mov     dword [ss:UMB_MARK], GUARD
        call    ticks
        push    eax
        mov     word [piece], 1
.copy:
        mov     ebp, COPY_FROM
        mov     ah, 0x42
        call    v86_piece
        jc      .end
        mov     ebp, COPY_TO
        mov     ah, 0x43
        call    v86_piece
        jc      .end
        call    v86_next
        jb      .copy
        mov     dword [copied], 0
.compare:
        mov     ebp, COPY_TO
        mov     ah, 0x42
        call    v86_piece
        jc      .end
        mov     eax, [copied]
        add     eax, COPY_FROM
        mov     cx, [packet_at + packet.count]
        mov     edx, [linear]
        call    pattern_check
        jc      .bad
        movzx   ecx, cx
        add     [v86_sectors], ecx
        call    v86_next
        jb      .compare
.end:
        pop     eax
        neg     eax
        push    eax
        call    ticks
        pop     edx
        add     eax, edx
        mov     [v86_ticks], eax
        mov     ax, 0
        mov     ss, ax
        mov     sp, [saved_sp]
        ret
.bad:
        mov     eax, [pattern_bad]
        inc     eax
        mov     [v86_bad], eax
        jmp     .end

;---------------------------------------------------------------------------
; v86_piece - one call for the next piece of the file
; in:       EBP = the file's first sector; AH = function; copied, piece
; out:      CF and AX of INT 13h, v86_ax; linear, packet_at
; clobbers: EAX, CX, EDX, SI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
; Pieces of an odd number of sectors go through the upper memory block, others through memory across
; a boundary of 64 KiB.
v86_piece:
        mov     cx, [piece]
        test    cl, 1
        jz      .low
        mov     edx, UMB_AT
        cmp     cx, UMB_SECTORS
        jbe     .place
        mov     cx, UMB_SECTORS
        jmp     .place
.low:
        mov     edx, LOW_BUFFER
.place:
        movzx   ecx, cx
        mov     esi, COPY_COUNT
        sub     esi, [copied]
        cmp     ecx, esi
        jbe     .count
        mov     ecx, esi
.count:
        mov     [linear], edx
        mov     si, packet_at
        mov     word [si + packet.size], packet_size
        mov     [si + packet.count], cx
        push    edx
        and     dx, 15
        mov     [si + packet.off], dx
        pop     edx
        shr     edx, 4
        mov     [si + packet.seg], dx
        add     ebp, [copied]
        mov     [si + packet.lba], ebp
        mov     dword [si + packet.lba + 4], 0
        mov     al, 0
        mov     dl, [boot_drive]
        int     0x13
        mov     [v86_ax], ax
        ret

;---------------------------------------------------------------------------
; v86_next - behind a piece; the next has another size
; in:       packet_at, copied, piece
; out:      CF = 1: there is more
; clobbers: EAX, ECX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
v86_next:
        movzx   ecx, word [packet_at + packet.count]
        add     [copied], ecx
        mov     ax, [piece]
        imul    ax, ax, 5
        add     ax, 8
        and     ax, LOW_SECTORS - 1
        inc     ax
        mov     [piece], ax
        cmp     dword [copied], COPY_COUNT
        ret

;---------------------------------------------------------------------------
; umb_check - what virtual-8086 mode wrote to the upper memory block lies elsewhere in real mode
; in:       -
; out:      -
; clobbers: EAX, SI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
umb_check:
        push    es
        push    UMB_SEG
        pop     es
        mov     eax, [es:UMB_MARK]
        cmp     eax, GUARD
        pop     es
        mov     si, name_umb
        jne     report_ok
        call    report_fail
        jmp     put_line

        align   4, db 0
; Linear 2FF00 and 2FFFF..: across 30000h. 6000:0 wraps to the segment's end; 0060:0100 is where boot
; records put theirs. Nothing of a stack lies above 70000h, where the BIOS may still work.
places:
        dw      0x2000, 0x0000, 0x0000, 0x7A00
        dw      0x2FF0, 0x0000, 0x6000, 0x0FFF
        dw      0x2000, 0xFDFB, 0x6000, 0x0000
        dw      0x3FFF, 0x0007, 0x0060, 0x0100
        dw      0x4000, 0xFDF9, 0x6543, 0x0201
        dw      0x2FE1, 0x01EF, 0x6000, 0xFFFF
        dw      0x4FFF, 0xFD03, 0x0000, 0x7B01
        dw      0x5001, 0x8001, 0x5FFF, 0x0400

name_geometry:  db "chs.geometry", 0
name_read:      db "chs.read", 0
name_write:     db "chs.write-verify", 0
name_back:      db "chs.read-back", 0
name_contents:  db "v86.contents", 0
name_umb:       db "v86.umb-is-elsewhere", 0
name_again:     db "chs.again", 0

%include "clock.inc"
%include "v86.inc"
%include "report.inc"
%include "pattern.inc"

GUEST_END
