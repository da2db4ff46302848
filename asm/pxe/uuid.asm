; The machine's UUID for DHCP (option 97): from the SMBIOS table, else made of the MAC.
%include "romgen.inc"
%include "pxe.inc"

global dhcp_uuid_find:function

extern copy_from_linear
extern dhcp_uuid
extern net_mac

BIOS_SEGMENT    equ 0F000h
SMBIOS_ROOM     equ 64          ; enough of a structure: its header and the UUID
UUID_SIZE       equ 16
%define UUID_BUFFER PXE_INPUT   ; free before DHCP

INITCODE pxe_uuid
;---------------------------------------------------------------------------
; dhcp_uuid_find - the UUID, as it stands in the SMBIOS table
; in:       net_mac
; out:      dhcp_uuid; without a table zeros with the MAC at the end
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; a BIOS
;---------------------------------------------------------------------------
dhcp_uuid_find:
        mov     eax, [net_mac]
        mov     [dhcp_uuid + UUID_SIZE - 6], eax
        mov     ax, [net_mac + 4]
        mov     [dhcp_uuid + UUID_SIZE - 2], ax
        push    BIOS_SEGMENT
        pop     es
        xor     si, si
.anchor:
        cmp     dword [es:si + smbios_entry.anchor], '_SM_'
        je      .found
        cmp     dword [es:si + smbios3_entry.anchor], '_SM3'
        je      .found3
        add     si, 16                  ; on paragraphs
        jnz     .anchor
        ret
.found3:
        cmp     dword [es:si + smbios3_entry.table + 4], 0
        jne     .done                   ; out of reach
        mov     ebp, [es:si + smbios3_entry.table_length]
        mov     ebx, [es:si + smbios3_entry.table]
        jmp     .table
.found:
        movzx   ebp, word [es:si + smbios_entry.table_length]
        mov     ebx, [es:si + smbios_entry.table]
.table:
        add     ebp, ebx                ; EBP = its end
        push    ds
        pop     es
.structure:
        mov     ecx, SMBIOS_ROOM
        call    .read
        jc      .done
        mov     si, UUID_BUFFER
        cmp     byte [si + smbios_structure.type], SMBIOS_END
        je      .done
        movzx   eax, byte [si + smbios_structure.length]
        cmp     al, smbios_structure_size
        jb      .done                   ; garbage: it would not end
        cmp     byte [si + smbios_structure.type], SMBIOS_SYSTEM
        jne     .skip
        cmp     al, SMBIOS_UUID + UUID_SIZE
        jb      .done                   ; SMBIOS before 2.1
        add     si, SMBIOS_UUID
        mov     di, dhcp_uuid
        mov     cx, UUID_SIZE
        rep movsb
.done:
        ret
.skip:                                  ; its strings end with two NULs
        add     ebx, eax
.strings:
        mov     ecx, 2
        call    .read
        jc      .done
        inc     ebx
        cmp     word [UUID_BUFFER], 0
        jne     .strings
        inc     ebx
        jmp     .structure
.read:                                  ; ECX bytes at EBX, or what is left; CF = 1: the table is at its end
        mov     eax, ebp
        sub     eax, ebx
        jbe     .end
        cmp     ecx, eax
        jb      .size
        mov     ecx, eax
.size:
        mov     esi, ebx
        mov     di, UUID_BUFFER
        jmp     copy_from_linear
.end:
        stc
        ret
