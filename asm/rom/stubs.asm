; Stubs: the first bytes of the data segment, where the interrupt vectors point to.
;
; A handler in the ROM gets control from its stub with DS = DGROUP and the caller's DS on the stack,
; below the interrupt's frame (from SP up: DS, IP, CS, flags). It ends with POP DS and IRET, or,
; to leave the rest to the handler before it, with POP DS and a jump through a far pointer that it
; has pushed. To hook a vector: stub_set, save the old vector, write DS:stub into it.
%include "romgen.inc"
%include "rom.inc"

global stub_set:function
global stub_int13:data
global stub_int08:data
global stub_int15:data
global stub_int19:data
global instance_here:data

extern boot_code

section .bss.stubs nobits alloc noexec write align=16
stub_int13:     resb stub_size
stub_int08:     resb stub_size
stub_int15:     resb stub_size
stub_int19:     resb stub_size
instance_here:  resb instance_size      ; what other instances read: the same place in every ROM

CODE stubs
;---------------------------------------------------------------------------
; stub_set - fill a stub
; in:       BX = the stub; AX = offset of the handler in the ROM
; out:      nothing
; clobbers: none
; needs:    DS = DGROUP; boot_code
;---------------------------------------------------------------------------
stub_set:
        mov     dword [bx + stub.push_ds], STUB_CODE
        mov     [bx + stub.offset], ax
        push    word [boot_code]
        pop     word [bx + stub.segment]
        ret
