; INT 15h AX=E820h: our base memory is no longer the system's.
;
; A BIOS that makes its memory map before the boot connection vectors run (or before the bootstrap entry
; vector, SeaBIOS too) would still give away what we took from 40:13. Entries are only cut off,
; never added: what is in no entry belongs to nobody (ACPI 6, 15.1).
%include "romgen.inc"
%include "rom.inc"

global int15_install:function
global int15_uninstall:function
global int15_entry:function
global int15_clip:function
global int15_old:data
global int15_top:data

extern memory_base_after, memory_pmm
extern stub_int15, stub_set

MIB             equ 100000h

; the caller's stack behind the stub: DS, then the interrupt's frame
struc INT15_CALLER
.ds             resw 1
.ip             resw 1
.cs             resw 1
.flags          resw 1
endstruc

BSS int15
int15_old:      resd 1          ; the vector before us
int15_top:      resd 1          ; linear address where the system's base memory ends

INITCODE int15
;---------------------------------------------------------------------------
; int15_install - hook INT 15h where our memory is base memory
; in:       memory_pmm, memory_base_after
; out:      nothing
; clobbers: EAX, BX, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int15_install:
        cmp     dword [memory_pmm], 0
        jne     .done                   ; the PMM's permanent memory was never in the map
        push    BDA_SEGMENT
        pop     es
        movzx   eax, word [es:BDA_BASE_MEMORY]
        shl     eax, 10                 ; as it is now: INT 13h may have taken some, too
        mov     [int15_top], eax
        mov     bx, stub_int15
        mov     ax, int15_entry
        call    stub_set
        push    0
        pop     es
        pushf
        cli
        mov     eax, [es:VECTOR_INT15]
        mov     [int15_old], eax
        mov     [es:VECTOR_INT15], bx
        mov     [es:VECTOR_INT15 + 2], ds
        popf
.done:
        ret

;---------------------------------------------------------------------------
; int15_uninstall - give INT 15h back where it still is ours
; in:       nothing
; out:      nothing
; clobbers: EAX, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int15_uninstall:
        push    0
        pop     es
        pushf
        cli
        mov     ax, ds
        shl     eax, 16
        mov     ax, stub_int15
        cmp     [es:VECTOR_INT15], eax
        jne     .done
        mov     eax, [int15_old]
        mov     [es:VECTOR_INT15], eax
.done:
        popf
        ret

CODE int15
;---------------------------------------------------------------------------
; int15_entry [jump] - INT 15h, from the stub in the data segment
; in:       DS = DGROUP; the stack: INT15_CALLER; other registers: the caller's
; out:      returns to the caller of INT 15h, or jumps to the handler before us
; clobbers: none
; needs:    14 bytes of the caller's stack and what the handler before us takes
;---------------------------------------------------------------------------
int15_entry:
        cmp     ax, E820_FUNCTION
        jne     .hand_on
        cmp     edx, E820_SMAP
        jne     .hand_on
        pushf
        call    far [int15_old]         ; with our DS, which E820 does not use
        jc      .result
        cmp     eax, E820_SMAP
        jne     .success
        call    int15_clip
.success:
        clc
.result:
        push    bp
        mov     bp, sp
        rcr     byte [bp + 2 + INT15_CALLER.flags], 1
        rol     byte [bp + 2 + INT15_CALLER.flags], 1
        pop     bp
        pop     ds
        iret
.hand_on:                               ; all registers and flags as they came
        push    dword [int15_old]
        push    bp
        mov     bp, sp
        mov     ds, [bp + 6 + INT15_CALLER.ds]
        pop     bp
        retf    2

;---------------------------------------------------------------------------
; int15_clip - cut an entry of the memory map at the end of the system's base memory
; in:       ES:DI = entry (struct e820)
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
int15_clip:
        push    eax
        cmp     byte [es:di + e820.type], E820_RAM
        jne     .done
        cmp     dword [es:di + e820.base + 4], 0
        jne     .done
        cmp     dword [es:di + e820.length + 4], 0
        jne     .done                   ; 4 GiB: no base memory
        mov     eax, [es:di + e820.base]
        cmp     eax, MIB
        jae     .done
        sub     eax, [int15_top]
        jae     .ours
        neg     eax                     ; room below us
        cmp     [es:di + e820.length], eax
        jbe     .done
        mov     [es:di + e820.length], eax
        jmp     .done
.ours:
        mov     byte [es:di + e820.type], E820_RESERVED
.done:
        pop     eax
        ret
