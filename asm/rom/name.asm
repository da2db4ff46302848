; The name in the BIOS's boot menu: which adapter, target and LUN. Made at the end of init, for a BIOS
; takes its list of names before it calls a boot vector.
%include "romgen.inc"
%include "rom.inc"

global name_main:function
global name_int10:function
global packed_save:function

extern bcv_caller
extern boot_bdf, boot_rom
extern copy_to_linear
extern dgroup_dwords, dgroup_paragraphs
extern ev_boot_protocol, ev_load, ev_lun, ev_target_name
extern init_paragraphs, init_size
extern memory_extended
extern message_dev, message_fn, message_prepare
extern pmm_call, pmm_find
extern rom_bdf, rom_product
extern print_char, print_message
extern rom_store, rom_store_dword
extern scratch
extern stack_top
extern undi_image

%define name_text scratch

BSS name
name_at:        resw 1          ; where the next character goes; 0 = nowhere

INITCODE name
;---------------------------------------------------------------------------
; name_main [far] - write the name over the ROM's product name, where the boot variables can be read
; in:       GS = the ROM whose adapter it is, still writable
; out:      nothing; nothing is printed
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    a BIOS with a PMM in POST; 400 bytes of stack; who calls restores DS
;---------------------------------------------------------------------------
; Boot variables are read again by the boot vector, which says what is wrong with them. INT 10h is ours
; meanwhile: it takes down what would be printed.
name_main:
        call    pmm_find
        jc      .done
        mov     eax, dgroup_paragraphs + EV_TEXT_MAX / 16 + 1
        mov     cx, PMM_CONVENTIONAL
        xor     dx, dx                  ; PMM_ALLOCATE
        call    pmm_call
        push    eax
        add     eax, 15
        shr     eax, 4
        jz      .no_memory
        cmp     eax, ROM_FIRST
        ja      .no_memory
        mov     ds, ax
        mov     es, ax
        xor     eax, eax
        xor     di, di
        mov     cx, dgroup_dwords
        rep stosd
        mov     [boot_rom], gs
        mov     ax, [gs:rom_bdf]
        mov     [boot_bdf], ax
        mov     [bcv_caller], sp
        mov     [bcv_caller + 2], ss
        push    ds
        pop     ss
        mov     sp, stack_top
        push    0
        pop     fs
        push    dword [fs:VECTOR_INT10]
        mov     word [fs:VECTOR_INT10], name_int10
        mov     [fs:VECTOR_INT10 + 2], cs
        call    ev_load
        jc      .restore
        cmp     byte [ev_boot_protocol], EV_BOOT_ISCSI
        jne     .restore
        call    name_write
%if PACKED_MOVES
        call    packed_save
%endif
.restore:
        pop     dword [fs:VECTOR_INT10]
        lss     sp, [bcv_caller]
        call    pmm_find
        pop     eax
        mov     dx, PMM_DEALLOCATE
        call    pmm_call
.done:
        retf
.no_memory:                             ; 0, PMM_FAILED, or nothing that real mode reaches
        pop     eax
        retf

;---------------------------------------------------------------------------
; name_write - the name itself
; in:       GS = the ROM; the boot variables
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP; INT 10h is name_int10
;---------------------------------------------------------------------------
; Of a target's name that is too long the end is shown: names begin with a date and a domain.
name_write:
        call    message_prepare
        mov     word [name_at], name_text
        mov     si, name_message
        call    print_message
        push    ds
        pop     es
        mov     si, ev_target_name
        mov     di, si
        xor     ax, ax
        mov     cx, -1
        repne scasb
        dec     di                      ; the end of the name
        mov     cx, name_text + PRODUCT_ROOM - 1
        sub     cx, [name_at]           ; room
        mov     ax, di
        sub     ax, si
        cmp     ax, cx
        jbe     .char
        mov     si, name_dots
        call    print_message
        mov     si, di
        sub     si, cx
        add     si, NAME_DOTS
.char:
        lodsb
        call    print_char
        test    al, al
        jnz     .char

        push    gs
        pop     es
        mov     si, name_text
        mov     di, rom_product
.store:
        lodsb
        push    ax
        call    rom_store
        pop     ax
        inc     di
        test    al, al
        jnz     .store
        ret

;---------------------------------------------------------------------------
; name_int10 [interrupt] - INT 10h AH=0Eh while the name is made
; in:       AL = character
; out:      nothing
; clobbers: none
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
name_int10:
        push    di
        mov     di, [name_at]
        test    di, di
        jz      .done
        cmp     di, name_text + PRODUCT_ROOM
        jae     .done
        mov     [di], al
        inc     word [name_at]
.done:
        pop     di
        iret

%if PACKED_MOVES
;---------------------------------------------------------------------------
; packed_save - what is packed in the ROM goes to extended memory, plain, so that the ROM can do without
; in:       CS = the copy of the ROM with everything plain; GS = the ROM, still writable
; out:      rom_header.packed_far and packed_users, where there is such memory
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    a BIOS in POST; 400 bytes of stack
;---------------------------------------------------------------------------
; Not where the boot vector will have nothing to do: then others may load the UNDI out of the ROM.
packed_save:
        mov     eax, init_paragraphs
        call    memory_extended
        test    eax, eax
        jz      .done
        xchg    edi, eax
        push    cs
        pop     es
        mov     si, undi_image
        mov     ecx, init_size
        call    copy_to_linear
        jc      .done
        mov     edx, edi
        push    gs
        pop     es
        mov     di, rom_header.packed_far
        call    rom_store_dword
        mov     di, rom_header.packed_users
        mov     al, 1
        jmp     rom_store
.done:
        ret

%endif
INITDATA name
MSG name_message, NIC_NAME, " ", F_HEX8, boot_bdf + 1, ":", F_HEX8, message_dev, ".", F_DEC8, message_fn, " LUN ", F_LUN, ev_lun, " "
NAME_DOTS       equ 3
MSG name_dots, "..."
