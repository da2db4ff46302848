; Memory by linear address: below 1 MiB with segments, above it with flat limits.
%include "romgen.inc"
%include "lib.inc"

global lin_to_far:function
global copy_to_linear:function
global copy_from_linear:function
global copy_linear:function
global flat_fault:function
global a20_open:function
global a20_restore:function

PIECE           equ 2048        ; bytes that are copied at once, above 1 MiB with interrupts off
FLAT_SELECTOR   equ 8
GP_VECTOR       equ 13 * 4
A20_PROBE       equ 4F0h        ; the BIOS data area's bytes for communication between programs

CODE linear
;---------------------------------------------------------------------------
; lin_to_far - linear address to segment and offset
; in:       EAX = linear address below 1 MiB
; out:      ES:DI = the same, DI < 16
; clobbers: EAX, flags
; needs:    nothing
;---------------------------------------------------------------------------
lin_to_far:
        mov     di, ax
        and     di, 0Fh
        shr     eax, 4
        mov     es, ax
        ret

;---------------------------------------------------------------------------
; copy_to_linear - bytes of a segment to a linear address
; in:       ES:SI = source; EDI = destination, linear; ECX = count
; out:      CF = 0; CF = 1, AX = error number, nothing copied or only the beginning
; clobbers: AX, flags
; needs:    as copy_linear
;---------------------------------------------------------------------------
copy_to_linear:
        push    esi
        push    eax
        xor     eax, eax
        mov     ax, es
        shl     eax, 4
        movzx   esi, si
        add     esi, eax
        pop     eax
        call    copy_linear
        pop     esi
        ret

;---------------------------------------------------------------------------
; copy_from_linear - bytes of a linear address to a segment
; in:       ESI = source, linear; ES:DI = destination; ECX = count
; out:      CF = 0; CF = 1, AX = error number, nothing copied or only the beginning
; clobbers: AX, flags
; needs:    as copy_linear
;---------------------------------------------------------------------------
copy_from_linear:
        push    edi
        push    eax
        xor     eax, eax
        mov     ax, es
        shl     eax, 4
        movzx   edi, di
        add     edi, eax
        pop     eax
        call    copy_linear
        pop     edi
        ret

;---------------------------------------------------------------------------
; copy_linear - bytes between linear addresses
; in:       ESI = source; EDI = destination; ECX = count; upwards where they overlap
; out:      CF = 0; CF = 1, AX = error number, nothing copied or only the beginning
; clobbers: AX, flags
; needs:    above 1 MiB: CR0.PE = 0; sets limits of 4 GiB there, DS, ES and FS are kept
;---------------------------------------------------------------------------
copy_linear:
        pushad
        push    ds
        push    es
        mov     ebp, ecx
.piece:
        mov     ecx, PIECE
        cmp     ebp, ecx
        ja      .length
        mov     ecx, ebp
.length:
        test    ecx, ecx
        jz      .done
        mov     ebx, MIB
        sub     ebx, ecx                ; the last address from which the piece ends below 1 MiB
        cmp     esi, ebx
        ja      .above
        cmp     edi, ebx
        ja      .above
        push    esi
        push    edi
        push    ecx
        mov     eax, edi
        call    lin_to_far
        mov     eax, esi
        and     si, 0Fh
        shr     eax, 4
        mov     ds, ax
        mov     dx, cx
        shr     cx, 2
        rep movsd
        mov     cx, dx
        and     cx, 3
        rep movsb
        pop     ecx
        pop     edi
        pop     esi
        jmp     .copied
.above:
        call    copy_flat
        jc      .fail
.copied:
        add     esi, ecx
        add     edi, ecx
        sub     ebp, ecx
        jmp     .piece
.fail:
        mov     bx, sp
        mov     [ss:bx + 4 + pushad_frame.eax], ax
        stc
.done:                                  ; TEST has cleared the carry
        pop     es
        pop     ds
        popad
        ret

;---------------------------------------------------------------------------
; copy_flat - one piece with flat limits, interrupts off meanwhile
; in:       ESI = source; EDI = destination; ECX = count, at least 1
; out:      CF = 0; CF = 1, AX = error number
; clobbers: EAX, EBX, EDX, flags
; needs:    CR0.PE = 0 (else the error)
;---------------------------------------------------------------------------
; A limit of 4 GiB stays when a segment register is loaded in real mode, so mostly it is there from
; the last time. Where it is not, the processor raises exception 13 and flat_fault makes it: going to
; protected mode costs an emulator all its translated addresses.
copy_flat:
        smsw    ax
        test    al, CR0_PE
        jnz     .v86
        pushf
        cli
        push    ds
        push    es
        push    fs
        push    esi
        push    edi
        push    ecx
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     ax, cs
        shl     eax, 16
        mov     ax, flat_fault
        xchg    eax, [GP_VECTOR]
        push    eax
        call    a20_open
        jc      .close
        mov     ebx, ecx
        shr     ecx, 2
        a32 rep movsd
        and     bx, 3
        mov     cx, bx                  ; ECX was 0
        a32 rep movsb
        call    a20_restore
        clc
.close:
        mov     ax, ERR_A20             ; where CF = 1
        pop     dword [GP_VECTOR]
        pop     ecx
        pop     edi
        pop     esi
        pop     fs
        pop     es
        pop     ds
        sbb     dl, dl
        popf
        shr     dl, 1                   ; CF again
        ret
.v86:
        FAIL    FLAT_V86

;---------------------------------------------------------------------------
; flat_fault [interrupt] - exception 13: a limit that is not flat; the instruction is repeated
; in:       nothing
; out:      DS, ES, FS = base 0, limit 4 GiB
; clobbers: ES, FS
; needs:    real mode
;---------------------------------------------------------------------------
flat_fault:
        push    eax
        call    flat_enter
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        pop     eax
        iret

;---------------------------------------------------------------------------
; flat_enter - FS reaches all of memory
; in:       nothing
; out:      DS, ES, FS = base 0, limit 4 GiB, until one is loaded (then the base goes) or a program
;           that interrupts us switches to protected mode and back (then the limit goes)
; clobbers: EAX, ES, FS, flags
; needs:    CR0.PE = 0; interrupts off
;---------------------------------------------------------------------------
flat_enter:
        push    bp
        mov     bp, sp
        sub     sp, 12
        o32 sgdt [bp - 6]               ; the caller's own table stays loaded
        xor     eax, eax
        mov     ax, cs
        shl     eax, 4
        add     eax, flat_gdt
        mov     [bp - 10], eax
        mov     word [bp - 12], flat_gdt_end - flat_gdt - 1
        o32 lgdt [bp - 12]
        mov     eax, cr0
        or      al, CR0_PE
        mov     cr0, eax
        jmp     short .protected        ; a 386 has instructions decoded ahead
.protected:
        push    FLAT_SELECTOR
        pop     fs
        push    fs
        pop     ds
        push    fs
        pop     es
        and     al, ~CR0_PE
        mov     cr0, eax
        jmp     short .real
.real:
        o32 lgdt [bp - 6]
        leave
        ret

;---------------------------------------------------------------------------
; a20_open - make sure that addresses above 1 MiB do not wrap round
; in:       nothing
; out:      CF = 0, DL = what a20_restore needs; CF = 1: the gate cannot be opened
; clobbers: EAX, DL, flags
; needs:    FS = 0, flat or with flat_fault in its vector; interrupts off
;---------------------------------------------------------------------------
a20_open:
        mov     dl, 0
        call    .test
        je      .open
        inc     dx                      ; 1: by port 92h
        in      al, A20_PORT
        or      al, A20_FAST
        and     al, ~A20_RESET
        out     A20_PORT, al
        call    .test
        je      .open
        inc     dx                      ; 2: by the BIOS
        mov     ax, BIOS_A20_ON
        int     15h
        call    .test
        je      .open
        stc
        ret
.open:
        clc
        ret
; ZF = 1: open. Changes one copy of a dword and looks at the other.
.test:
        mov     eax, [fs:dword A20_PROBE]
        cmp     eax, [fs:dword A20_PROBE + MIB]
        jne     .differ
        not     dword [fs:dword A20_PROBE + MIB]
        cmp     eax, [fs:dword A20_PROBE]
        mov     [fs:dword A20_PROBE + MIB], eax
        ret
.differ:
        cmp     al, al
        ret

;---------------------------------------------------------------------------
; a20_restore - the gate as it was before a20_open
; in:       DL = as a20_open left it
; out:      nothing
; clobbers: AX, DL, flags
; needs:    interrupts off
;---------------------------------------------------------------------------
a20_restore:
        dec     dl
        js      .done
        jnz     .bios
        in      al, A20_PORT
        and     al, ~(A20_FAST | A20_RESET)
        out     A20_PORT, al
.done:
        ret
.bios:
        mov     ax, BIOS_A20_OFF
        int     15h
        ret

RODATA linear
        align   4, db 0
flat_gdt:
        dq      0
        dw      0FFFFh, 0, 9300h, 008Fh ; selector 8: base 0, 4 GiB, writable; "accessed" is set,
                                        ; else the processor would write that bit into the ROM
flat_gdt_end:
